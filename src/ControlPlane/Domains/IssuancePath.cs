using static ControlPlane.Domains.OrderState;

namespace ControlPlane.Domains;

/// <summary>
/// The path of one order, state by state, and the only door between states: what this table does not list cannot
/// happen. The database says the same once more, by CHECKs and by updating only <c>WHERE state = expected AND
/// lease_token = mine</c>.
/// </summary>
internal static class IssuancePath
{
    /// <summary>State → the step that works there (null: nothing to do) and the states it may lead to.</summary>
    private static readonly Dictionary<OrderState, (Type? Step, OrderState[] Next)> Path = new()
    {
        // An adopted bundle needs no CA, and goes to the nodes from here.
        [PendingDns] = (typeof(AwaitDns), [PendingOrder, PendingDeployment, Canceling, Failed]),
        [PendingOrder] = (typeof(SubmitOrder), [PendingValidation, Canceling, Failed]),
        [PendingValidation] = (typeof(ProveControl), [PendingIssuance, Canceling, Failed]),
        [PendingIssuance] = (typeof(CollectBundle), [PendingDeployment, Canceling, Failed]),
        [PendingDeployment] = (typeof(AwaitRollout), [Active, Superseded, Canceling, Failed]),
        [Active] = (null, [Superseded, Canceling]),
        [Canceling] = (typeof(CancelOrder), [Canceled]),
        [Failed] = (null, [Canceling]),
        [Superseded] = (null, []),
        [Canceled] = (null, []),
    };

    /// <summary>The steps, in the order of the path.</summary>
    public static IEnumerable<(OrderState State, Type Step)> Steps =>
        Path.Where(entry => entry.Value.Step is not null).Select(entry => (entry.Key, entry.Value.Step!));

    /// <summary>The states whose order holds the name at the CA: one order per name among them.</summary>
    public static readonly IReadOnlyList<OrderState> AtTheCa =
        [PendingDns, PendingOrder, PendingValidation, PendingIssuance];

    public static bool Allows(OrderState from, OrderState to) => Path[from].Next.Contains(to);

    /// <exception cref="InvalidOperationException">Nothing is done in that state.</exception>
    public static Type StepOf(OrderState state) =>
        Path[state].Step ?? throw new InvalidOperationException($"There is no step in {state}.");

    public static bool HasStep(OrderState state) => Path[state].Step is not null;

    public static bool IsTerminal(OrderState state) => state is Failed or Superseded or Canceled;
}
