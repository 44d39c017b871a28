using ControlPlane.Contracts;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes.Enrolling;
using ControlPlane.Nodes.Epochs;

namespace ControlPlane.Nodes;

/// <summary>One made-up node, told through all examples. Keys and codes are visibly none.</summary>
internal static class NodeExamples
{
    private const string Fingerprint = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";
    private const string ChainId = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    private static readonly Guid Fleet = Guid.Parse("019cadc0-1a2b-7c3d-8e4f-5a6b7c8d9e0f");
    private static readonly byte[] Placeholder = "not a real key"u8.ToArray();

    public static readonly NodeView Serving = new()
    {
        Id = Guid.Parse("019cadc1-2b3c-7d4e-9f50-6b7c8d9e0f1a"),
        Fleet = "default",
        Name = "node-1",
        Standing = NodeStanding.Serving,
        HttpEndpoint = "192.0.2.7:80",
        AgentVersion = "0.1.0",
        HAProxyVersion = "2.6.12",
        HAProxyStartedAt = Examples.At,
        Epoch = 1,
        Revision = 17,
        FleetRevision = 17,
        Domains = 25,
        Refused = 0,
        Strays = 0,
        FreshAt = Examples.At.AddSeconds(20),
        Alarms = [],
        JoinedAt = Examples.At,
        LastSeenAt = Examples.At.AddSeconds(30),
        BannedAt = null,
    };

    public static readonly CreatedJoinCode JoinCode =
        new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "default", Examples.At.AddHours(1));

    public static readonly EnrolRequest Enrol =
        new(JoinCode.Code, "node-1", Placeholder, Placeholder, "192.0.2.7:80", "0.1.0");

    public static readonly EnrolResponse Enrolled = new(Serving.Id, Fleet, "default");

    public static readonly DesiredDomain Desired = new(
        Guid.Parse("019cadc6-0a28-7c44-b1d2-6f7a8b9c0d1e"), "shop.example.com",
        Guid.Parse("019cadc6-1770-7b3c-8d5e-90a1b2c3d4e5"), "0A1B2C3D4E5F60718293", Fingerprint,
        Examples.At.AddDays(199), 17);

    public static readonly DesiredStatePage Page = new(
        1, 17, "MS4xNy5mZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY", false, [Desired],
        [new Tombstone(Guid.Parse("019cadc6-3c4d-7e5f-8a6b-7c8d9e0f1a2b"), "old.example.com", Examples.At, null, 16)])
    {
        At = Examples.At,
    };

    /// <summary>Cut short, to be readable: a true one has 32,768 bytes.</summary>
    public static readonly DigestRequest Digest = new(1, 17, [0xb5, 0x19, 0x8e, 0x3a, 0x4c, 0x90, 0x27, 0xd1]);

    public static readonly FleetView Restored = new()
    {
        Id = Fleet,
        Name = "default",
        Epoch = 2,
        Revision = 17,
        Raised = new EpochView(
            Examples.At, 1, EpochCause.NodeAhead,
            "Node node-1 has accepted epoch 1, revision 19, which this database does not remember: it was set back to "
            + "an older moment.",
            Examples.At.AddHours(-3), Examples.At.AddDays(7), Examples.At.AddMinutes(1)),
        Strays = 1,
    };

    public static readonly StrayView Stray = new(
        "late.example.com", ["node-1", "node-2", "node-3"], [Fingerprint], Examples.At.AddDays(199), ["610000123"],
        null);

    public static readonly FetchBundlesResponse Fetched = new(
        [
            new SealedBundle(
                Desired.Domain, Desired.Hostname, Desired.Bundle, 17, Fingerprint, Desired.NotAfter, Placeholder,
                ChainId,
                "0123456789abcdef0123456789abcdef", Placeholder, Placeholder),
        ],
        new Dictionary<string, IReadOnlyList<byte[]>> { [ChainId] = [Placeholder] },
        []);

    public static readonly ObservedStateReport Report = new(
        7, 1, 17, true, new HAProxyProcess("2.6.12", 4711, Examples.At), "0.1.0",
        [
            new ObservedDomain(
                Desired.Domain, 17, ObservedDomainState.Serving, Fingerprint, Fingerprint, Fingerprint, null),
        ])
    {
        FreshAt = Examples.At,
    };
}
