using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace CertCentralSandbox.Orders;

/// <summary>
/// All orders, in memory and in the journal. A change runs under its own order's lock and is journaled before it is
/// visible; there is no lock over several orders, so a slow one never holds up the others.
/// </summary>
internal sealed class OrderBook
{
    private const string KeyPrefix = "order/";
    private readonly ConcurrentDictionary<long, Entry> _orders = new();
    private readonly Journal _journal;
    private Action<CertificateOrder>? _changed;
    private long _lastOrderId = 610_000_000;
    private long _lastRequestId = 720_000_000;
    private long _lastCertificateId = 830_000_000;

    public OrderBook(Journal journal)
    {
        _journal = journal;
        foreach (var (_, line) in journal.Lines.Where(l => l.Key.StartsWith(KeyPrefix, StringComparison.Ordinal)))
        {
            var order = line.Deserialize<CertificateOrder>()!;
            _orders[order.Id] = new Entry(order);
            _lastOrderId = long.Max(_lastOrderId, order.Id);
            _lastRequestId = long.Max(_lastRequestId, order.Requests.Max(r => r.Id));
            _lastCertificateId = long.Max(_lastCertificateId, order.Certificates.Max(c => c.Id));
        }
    }

    /// <summary>Has <paramref name="observer"/> told of every order added or changed, outside all locks, at
    /// once.</summary>
    public void OnChanged(Action<CertificateOrder> observer) => _changed += observer;

    public IEnumerable<CertificateOrder> All => _orders.Values.Select(e => e.Current);

    public long NextOrderId() => Interlocked.Increment(ref _lastOrderId);

    public long NextRequestId() => Interlocked.Increment(ref _lastRequestId);

    public long NextCertificateId() => Interlocked.Increment(ref _lastCertificateId);

    public CertificateOrder? Find(long id) => _orders.TryGetValue(id, out var entry) ? entry.Current : null;

    /// <summary>By order id, or by the serial or thumbprint of one of its certificates, as the real path
    /// allows.</summary>
    public CertificateOrder? Find(string reference) =>
        long.TryParse(reference, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Find(id) is { } order
            ? order
            : All.FirstOrDefault(o => o.Certificates.Any(c => Names(c, reference)));

    /// <summary>By certificate id or serial.</summary>
    public (CertificateOrder Order, OrderedCertificate Certificate)? FindCertificate(string reference)
    {
        foreach (var order in All)
        {
            if (order.Certificates.FirstOrDefault(c =>
                    c.Id.ToString(CultureInfo.InvariantCulture) == reference || Names(c, reference)) is { } found)
            {
                return (order, found);
            }
        }

        return null;
    }

    public void Add(CertificateOrder order)
    {
        _journal.Append(KeyPrefix + order.Id, order);
        _orders[order.Id] = new Entry(order);
        _changed?.Invoke(order);
    }

    /// <summary>
    /// Applies <paramref name="move"/> to the order as it is now, alone on it. A move that returns the same object
    /// changes nothing; a move that throws changes nothing.
    /// </summary>
    public CertificateOrder Change(long id, Func<CertificateOrder, CertificateOrder> move)
    {
        var entry = _orders[id];
        CertificateOrder before;
        CertificateOrder after;
        lock (entry.Gate)
        {
            before = entry.Current;
            after = move(before);
            if (!ReferenceEquals(before, after))
            {
                _journal.Append(KeyPrefix + id, after);
                entry.Current = after;
            }
        }

        if (!ReferenceEquals(before, after))
        {
            _changed?.Invoke(after);
        }

        return after;
    }

    private static bool Names(OrderedCertificate certificate, string reference) =>
        certificate.Issued is { } issued
        && (issued.SerialNumber.TrimStart('0').Equals(reference.TrimStart('0'), StringComparison.OrdinalIgnoreCase)
            || issued.Thumbprint.Equals(reference, StringComparison.OrdinalIgnoreCase));

    private sealed class Entry(CertificateOrder order)
    {
        private CertificateOrder _current = order;

        public Lock Gate { get; } = new();

        public CertificateOrder Current
        {
            get => Volatile.Read(ref _current);
            set => Volatile.Write(ref _current, value);
        }
    }
}
