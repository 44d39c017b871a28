using System.Collections.Concurrent;
using System.Text.Json;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Webhooks;

/// <summary>The account's one webhook.</summary>
internal sealed record Webhook(long Id, string Endpoint, string Secret, IReadOnlyList<string> Events, bool Active);

/// <summary>One attempt to tell the endpoint something. Status 0: no answer.</summary>
internal sealed record Delivery(DateTimeOffset Date, string Event, long OrderId, int Status);

/// <summary>Keeps the webhook in the journal and the attempts of this run in memory (the last 1000).</summary>
internal sealed class WebhookBook
{
    private const string Line = "account/webhook";
    private const int KeptDeliveries = 1000;
    private readonly Journal _journal;
    private readonly ConcurrentQueue<Delivery> _log = new();

    public WebhookBook(Journal journal)
    {
        _journal = journal;
        Current = journal.Lines.TryGetValue(Line, out var line) ? line.Deserialize<Webhook>() : null;
    }

    public Webhook? Current { get; private set; }

    public IEnumerable<Delivery> Log => _log;

    public void Set(Webhook webhook)
    {
        _journal.Append(Line, webhook);
        Current = webhook;
    }

    public void Add(Delivery delivery)
    {
        _log.Enqueue(delivery);
        while (_log.Count > KeptDeliveries)
        {
            _log.TryDequeue(out _);
        }
    }
}
