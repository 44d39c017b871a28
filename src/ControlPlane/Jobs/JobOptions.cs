namespace ControlPlane.Jobs;

/// <summary>Settings under <c>Jobs</c>.</summary>
internal sealed class JobOptions
{
    /// <summary>False on replicas that only answer requests.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How long a worker holds an order between two commits. It must outlast the CA's time-out for a paid call
    /// by more than ten seconds, and bounds how long a killed worker's orders stand still.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Orders worked on at the same time, per stage and replica. They mostly wait for the network.</summary>
    public int Parallelism { get; set; } = 24;

    /// <summary>How often the clustered schedule fires every stage, in case a wake was lost.</summary>
    public TimeSpan Tick { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the CA is asked which orders have moved: one call for all of them, while any waits.</summary>
    public TimeSpan StatusPoll { get; set; } = TimeSpan.FromSeconds(15);
}
