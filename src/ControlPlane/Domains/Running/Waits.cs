using ControlPlane.Http;

namespace ControlPlane.Domains.Running;

/// <summary>How long something was waited for, by who had to act. What only an operator can mend, and what needs nobody
/// but time, is ours. The customer's part lasts until we notice that it is done, which the schedule of looks bounds.
/// </summary>
/// <param name="Customer">The customer: DNS, mostly.</param>
/// <param name="Ours">Us.</param>
/// <param name="Ca">The certificate authority.</param>
/// <param name="Nodes">The nodes.</param>
internal sealed record Waits(TimeSpan Customer, TimeSpan Ours, TimeSpan Ca, TimeSpan Nodes)
{
    public static readonly Waits None = new(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);

    public TimeSpan Total => Customer + Ours + Ca + Nodes;

    public Waits Plus(Waits other) => new(
        Customer + other.Customer, Ours + other.Ours, Ca + other.Ca, Nodes + other.Nodes);

    /// <summary>With some more time for one of them. A clock that was set back adds nothing.</summary>
    public Waits Plus(WaitingOn who, TimeSpan time) => time <= TimeSpan.Zero ? this : who switch
    {
        WaitingOn.Customer => this with { Customer = Customer + time },
        WaitingOn.Ca => this with { Ca = Ca + time },
        WaitingOn.Nodes => this with { Nodes = Nodes + time },
        _ => this with { Ours = Ours + time },
    };
}
