namespace ControlPlane.Domains;

internal sealed class SubmitOrder;
