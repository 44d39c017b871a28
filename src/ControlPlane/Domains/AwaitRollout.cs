namespace ControlPlane.Domains;

internal sealed class AwaitRollout;
