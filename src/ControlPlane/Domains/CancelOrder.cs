namespace ControlPlane.Domains;

internal sealed class CancelOrder;
