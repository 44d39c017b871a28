// Every class runs a whole fleet, a dozen processes, of which many wait for each other: two fleets fill two cores.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
