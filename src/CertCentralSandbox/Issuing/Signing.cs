using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;

namespace CertCentralSandbox.Issuing;

/// <summary>Signs orders whose time has come. An order is signed under its own lock, so it is signed once.</summary>
internal sealed partial class Signing(
    OrderBook book, LeafProfile profile, SandboxClock clock, TimeProvider wall, ILogger<Signing> log)
{
    private Action<CertificateOrder, OrderedCertificate>? _issued;

    /// <summary>Has <paramref name="observer"/> told of every certificate issued, outside the order's lock.</summary>
    public void OnIssued(Action<CertificateOrder, OrderedCertificate> observer) => _issued += observer;

    public CertificateOrder IssueIfDue(long id)
    {
        OrderedCertificate? issued = null;
        var order = book.Change(id, o =>
        {
            if (o is not { Validation: { IssueAt: { } at, Stuck: false }, Awaited: { } awaited } || at > clock.Now)
            {
                return o;
            }

            var moved = o.Issue(Sign(o, awaited), wall.GetUtcNow(), clock.Now);
            issued = moved.Certificates[^1];
            return moved;
        });
        if (issued is not null)
        {
            Signed(log, id, issued.Id, issued.CommonName);
            _issued?.Invoke(order, issued);
        }

        return order;
    }

    public CertificateOrder RevokeDue(long id) => book.Change(
        id, o => o.NextRevocationAt <= clock.Now ? o.RevokeDue(wall.GetUtcNow(), clock.Now) : o);

    public IssuedCertificate Sign(CertificateOrder order, OrderedCertificate awaited)
    {
        var now = wall.GetUtcNow();
        var (key, _) = Certification.Read(awaited.CsrPem)
            ?? throw new InvalidDataException($"Order {order.Id} holds a CSR that was accepted and cannot be read.");
        using var leaf = profile.Sign(awaited, key, now, order.DateValidTill);
        return new IssuedCertificate(
            leaf.ExportCertificatePem(),
            leaf.SerialNumber,
            leaf.Thumbprint,
            now,
            new DateTimeOffset(leaf.NotBefore),
            new DateTimeOffset(leaf.NotAfter));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Order {Id}: certificate {CertificateId} issued for {Name}")]
    private static partial void Signed(ILogger log, long id, long certificateId, string name);
}
