import Testing

/// Tests that run the real executable as real processes, one test at a time: a machine with few cores would otherwise
/// measure its own crowd.
@Suite(.serialized) struct ProcessTests {}
