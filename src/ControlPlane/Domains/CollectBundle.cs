namespace ControlPlane.Domains;

internal sealed class CollectBundle;
