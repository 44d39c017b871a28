namespace ControlPlane.Domains;

internal sealed class AwaitDns;
