using ControlPlane.Contracts;
using Microsoft.AspNetCore.Http;
using SyncAgent.Syncing;
using SyncAgent.Tokens;

namespace SyncAgent.Tests.Tokens;

public sealed class VisitorBookTests
{
    private readonly AgentMeter _meter = new();
    private readonly VisitorBook _book;

    public VisitorBookTests() => _book = new VisitorBook(_meter, TimeProvider.System);

    [Fact]
    public void A_visit_is_told_with_what_is_known_of_it()
    {
        Visit(new FoundToken(7, "value"), "192.0.2.7", "DigiCert DCV Bot/1.1");
        Visit(new FoundToken(7, null), "not an address", "a\r\nb");

        var visits = _book.Take();

        Assert.Equal(
            [(7, "192.0.2.7", "DigiCert DCV Bot/1.1", 200, 5), (7, null, "a??b", 404, 0)],
            visits.Select(visit => (visit.Order, visit.Source, visit.UserAgent, visit.Status, visit.Bytes)));
        Assert.Empty(_book.Take());
    }

    [Fact]
    public async Task Somebody_is_told_that_there_is_something_to_tell()
    {
        var told = new TaskCompletionSource();
        _book.Changed = () => told.TrySetResult();

        Visit(new FoundToken(7, "value"), "192.0.2.7", null);

        await told.Task.WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
    }

    /// <summary>Threat: exhaustion. Fails when one source, or all together, can grow the list without end.</summary>
    [Fact]
    public void Who_goes_on_asking_drives_nobody_out()
    {
        for (var i = 0; i < 100; i++)
        {
            Visit(new FoundToken(7, "value"), "192.0.2.7", null);
        }

        Visit(new FoundToken(7, "value"), "192.0.2.8", null);

        Assert.Equal(11, _book.Take().Count);
        Assert.Contains("syncagent_visits_forgotten_total 90", _meter.Render([]), StringComparison.Ordinal);
    }

    [Fact]
    public void What_did_not_arrive_goes_with_the_next_report_as_far_as_there_is_room()
    {
        for (var i = 0; i < Routes.MaxVisits; i++)
        {
            Visit(new FoundToken(i + 1, "value"), "192.0.2.7", null);
        }

        var lost = _book.Take();
        Visit(new FoundToken(9999, "value"), "192.0.2.7", null);
        _book.PutBack(lost);

        var visits = _book.Take();
        Assert.Equal((Routes.MaxVisits, 1, 9999), (visits.Count, visits[0].Order, visits[^1].Order));
        Assert.Contains("syncagent_visits_forgotten_total 1\n", _meter.Render([]), StringComparison.Ordinal);
    }

    private void Visit(FoundToken found, string source, string? agent)
    {
        var headers = new HeaderDictionary { [VisitorBook.SourceHeader] = source, ["User-Agent"] = agent };
        _book.Note(found, headers);
    }
}
