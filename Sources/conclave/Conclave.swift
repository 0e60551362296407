@main struct Conclave { static func main() { print("conclave") } }
