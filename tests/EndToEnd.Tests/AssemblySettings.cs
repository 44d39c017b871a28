// Every test runs a whole fleet, a dozen processes: on two cores, fleets side by side would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
