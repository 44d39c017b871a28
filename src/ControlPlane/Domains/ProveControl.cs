namespace ControlPlane.Domains;

internal sealed class ProveControl;
