// ConclaveClient
