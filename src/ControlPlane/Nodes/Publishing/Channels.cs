namespace ControlPlane.Nodes.Publishing;

/// <summary>The channels on which replicas tell each other by NOTIFY; both only speed up what happens anyway.</summary>
internal static class Channels
{
    /// <summary>A batch was published. Payload: <c>fleet:epoch:revision</c>.</summary>
    public const string DesiredState = "desired_state";

    /// <summary>A node was banned or retired: forget its key now, and end its waiting poll. Payload: the
    /// fleet.</summary>
    public const string NodeAccess = "node_access";
}
