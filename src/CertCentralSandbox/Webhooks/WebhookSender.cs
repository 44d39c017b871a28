using System.Threading.Channels;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Webhooks;

/// <summary>
/// Tells the webhook about certificates issued, certificates revoked and orders rejected. The secret is a static
/// header; there is no signature. One attempt of 5 s and no retry: DigiCert documents none, so clients must poll
/// anyway.
/// </summary>
internal sealed partial class WebhookSender : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly Channel<(string Event, long OrderId, long CertificateId)> _events =
        Channel.CreateBounded<(string, long, long)>(
            new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false })
    {
        Timeout = System.Threading.Timeout.InfiniteTimeSpan, // the limit is set per call, on our clock
    };

    private readonly WebhookBook _book;
    private readonly TimeProvider _wall;
    private readonly ILogger<WebhookSender> _log;

    public WebhookSender(
        WebhookBook book, OrderBook orders, Signing signing, TimeProvider wall, ILogger<WebhookSender> log)
    {
        (_book, _wall, _log) = (book, wall, log);
        signing.OnIssued((order, certificate) => Enqueue("certificate_issued", order.Id, certificate.Id));
        orders.OnChanged(order =>
        {
            if (order.Status == OrderStatus.Revoked)
            {
                Enqueue("certificate_revoked", order.Id, order.Primary.Id);
            }
            else if (order.Status == OrderStatus.Rejected)
            {
                Enqueue("order_rejected", order.Id, order.Primary.Id);
            }
        });
    }

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var (name, orderId, certificateId) in _events.Reader.ReadAllAsync(stoppingToken))
            {
                if (_book.Current is { Active: true } webhook && webhook.Events.Contains(name))
                {
                    var status = await SendAsync(webhook, name, orderId, certificateId, stoppingToken);
                    _book.Add(new Delivery(_wall.GetUtcNow(), name, orderId, status));
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // the program ends; what was not sent is lost, as with the real one's outages
        }
    }

    private async Task<int> SendAsync(
        Webhook webhook, string name, long orderId, long certificateId, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(Patience, _wall);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, limit.Token);
        using var call = new HttpRequestMessage(HttpMethod.Post, webhook.Endpoint)
        {
            Content = JsonContent.Create(new
            {
                Event = name,
                Data = new { OrderId = orderId, CertificateId = certificateId },
            }, options: Web.Json.Options),
        };
        call.Headers.TryAddWithoutValidation("X-WEBHOOK-KEY", webhook.Secret);
        try
        {
            using var answer = await _http.SendAsync(call, either.Token);
            return (int)answer.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException
            && !stopping.IsCancellationRequested)
        {
            Unheard(_log, name, orderId, e.GetType().Name);
            return 0;
        }
    }

    private void Enqueue(string name, long orderId, long certificateId) =>
        _events.Writer.TryWrite((name, orderId, certificateId));

    [LoggerMessage(Level = LogLevel.Warning, Message = "Webhook did not hear {Event} of order {OrderId}: {Error}")]
    private static partial void Unheard(ILogger log, string @event, long orderId, string error);
}
