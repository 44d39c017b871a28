namespace ControlPlane.Nodes;

/// <summary>
/// Gives waiting <see cref="DesiredChange"/> rows a revision and tells the waiting agents. A step writes its change in
/// its own transaction and calls <see cref="Wake"/> after the commit; were the wake lost, the schedule publishes it
/// seconds later.
/// </summary>
internal interface IDesiredStatePublisher
{
    /// <summary>There is something to publish. Never blocks; coalesced for up to 20 ms.</summary>
    void Wake();
}
