using SyncAgent.HAProxy;

namespace SyncAgent.Tests.HAProxy;

/// <summary>The agent's writer against the real HAProxy.</summary>
public sealed class HaproxyWriterTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task A_new_bundle_is_served_and_a_second_one_replaces_it()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var (first, second) = (_authority.Issue("a.example.com"), _authority.Issue("a.example.com"));
        var path = proxy.PathOf("a.example.com");

        Assert.IsType<WriteOutcome.Written>(await agent.Inject(path, first.ToPayload()));
        Assert.Equal(first.Fingerprint, await proxy.Visit("a.example.com"));
        var outcome = Assert.IsType<WriteOutcome.Written>(await agent.Inject(path, second.ToPayload()));

        Assert.Equal(second.MemoryFingerprint, outcome.Held!.Fingerprint);
        Assert.Equal(["a.example.com"], outcome.Held.Names);
        Assert.Equal(second.Fingerprint, await proxy.Visit("a.example.com"));
    }

    [Fact]
    public async Task A_transaction_left_by_a_killed_agent_is_aborted_before_the_first_write()
    {
        await using var proxy = await RealHaproxy.Start();
        var (a, b) = (_authority.Issue("a.example.com"), _authority.Issue("b.example.com"));
        proxy.Ask($"new ssl cert {proxy.PathOf(a.Hostname)}\n");
        proxy.Ask($"set ssl cert {proxy.PathOf(a.Hostname)} <<\n{a.Pem}\n");

        var outcome = await new AgentHands(proxy).Inject(proxy.PathOf(b.Hostname), b.ToPayload());

        Assert.IsType<WriteOutcome.Written>(outcome);
        Assert.Equal(b.Fingerprint, await proxy.Visit(b.Hostname));
        Assert.NotEqual(b.Fingerprint, await proxy.Visit(a.Hostname));
    }

    [Fact]
    public async Task A_transaction_that_another_writer_opens_between_two_writes_gets_nobodys_key()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var (a, b, c) = (
            _authority.Issue("a.example.com"), _authority.Issue("b.example.com"), _authority.Issue("c.example.com"));
        Assert.IsType<WriteOutcome.Written>(await agent.Inject(proxy.PathOf(a.Hostname), a.ToPayload()));
        proxy.Ask($"set ssl cert {proxy.PathOf(a.Hostname)} <<\n{a.Pem}\n");

        var refused = Assert.IsType<WriteOutcome.Refused>(await agent.Inject(proxy.PathOf(b.Hostname), b.ToPayload()));
        var next = await agent.Inject(proxy.PathOf(c.Hostname), c.ToPayload());

        Assert.Contains("Transaction updated for certificate", refused.Reason, StringComparison.Ordinal);
        Assert.IsType<WriteOutcome.Written>(next);
        Assert.Equal(a.Fingerprint, await proxy.Visit(a.Hostname));
        Assert.Equal(c.Fingerprint, await proxy.Visit(c.Hostname));
        Assert.Contains(
            "Not found", proxy.Ask($"show ssl cert {proxy.PathOf(b.Hostname)}\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_oversized_bundle_is_refused_before_the_socket_and_its_neighbour_is_served()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var (big, small) = (
            _authority.Issue("big.example.com", paddingBytes: 15_000), _authority.Issue("small.example.com"));

        var refused = Assert.IsType<WriteOutcome.Refused>(
            await agent.Inject(proxy.PathOf(big.Hostname), big.ToPayload()));
        var outcome = await agent.Inject(proxy.PathOf(small.Hostname), small.ToPayload());

        Assert.Contains("tune.bufsize", refused.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("big.example.com", proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
        Assert.IsType<WriteOutcome.Written>(outcome);
    }

    [Fact]
    public async Task An_empty_reply_counts_as_refused_when_the_real_buffer_is_smaller_than_told()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy, bufferSize: 65_536);
        var (big, small) = (
            _authority.Issue("big.example.com", paddingBytes: 15_000), _authority.Issue("small.example.com"));

        var refused = Assert.IsType<WriteOutcome.Refused>(
            await agent.Inject(proxy.PathOf(big.Hostname), big.ToPayload()));
        var outcome = await agent.Inject(proxy.PathOf(small.Hostname), small.ToPayload());

        Assert.Contains("nothing (refused without a word)", refused.Reason, StringComparison.Ordinal);
        Assert.IsType<WriteOutcome.Written>(outcome);
    }

    /// <summary>Fails when what stands behind a broken connection is taken for refused, or for served.</summary>
    [Fact]
    public async Task A_bundle_that_breaks_a_batch_is_refused_alone_and_its_neighbours_are_served()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy, bufferSize: 65_536);
        var bundles = Enumerable.Range(0, 12)
            .Select(i => _authority.Issue($"d{i}.example.com", paddingBytes: i == 5 ? 15_000 : 0))
            .ToArray();
        var process = await agent.Memory.ReadProcess(CancellationToken.None);

        // Together: the first goes alone, the others gather behind it.
        var outcomes = await Task.WhenAll(bundles.Select(bundle => agent.Writer.Inject(
            proxy.PathOf(bundle.Hostname), bundle.ToPayload(), isNew: true, isListed: false, process,
            CancellationToken.None)));

        Assert.IsType<WriteOutcome.Refused>(outcomes[5]);
        for (var i = 0; i < bundles.Length; i++)
        {
            Assert.Equal(i == 5, outcomes[i] is not WriteOutcome.Written);
            Assert.Equal(i == 5, bundles[i].Fingerprint != await proxy.Visit(bundles[i].Hostname));
        }

        Assert.Null(await agent.Memory.ReadTransaction(CancellationToken.None));
    }

    /// <summary>Fails when a refused one's transaction is still open for the next name's key: the cross-domain swap of
    /// 2.6.</summary>
    [Fact]
    public async Task A_transaction_open_when_a_batch_begins_gets_nobodys_key()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var (served, bundles) = (_authority.Issue("a.example.com"), Enumerable.Range(0, 6)
            .Select(i => _authority.Issue($"d{i}.example.com")).ToArray());
        Assert.IsType<WriteOutcome.Written>(await agent.Inject(proxy.PathOf(served.Hostname), served.ToPayload()));
        var process = await agent.Memory.ReadProcess(CancellationToken.None);
        proxy.Ask($"set ssl cert {proxy.PathOf(served.Hostname)} <<\n{served.Pem}\n");

        await Task.WhenAll(bundles.Select(bundle => agent.Writer.Inject(
            proxy.PathOf(bundle.Hostname), bundle.ToPayload(), isNew: true, isListed: false, process,
            CancellationToken.None)));

        Assert.Equal(served.Fingerprint, await proxy.Visit(served.Hostname));
        foreach (var bundle in bundles[1..])
        {
            Assert.Equal(bundle.Fingerprint, await proxy.Visit(bundle.Hostname));
        }
    }

    /// <summary>Fails when "currently locked", which is what everybody else hears during somebody's commit, is taken
    /// for an empty memory.</summary>
    [Fact]
    public async Task A_memory_that_somebody_elses_commit_has_locked_is_unknown_and_not_empty()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var (served, other) = (_authority.Issue("a.example.com"), _authority.Issue("b.example.com"));
        var (path, theirs) = (proxy.PathOf(served.Hostname), proxy.PathOf(other.Hostname));
        Assert.IsType<WriteOutcome.Written>(await agent.Inject(path, served.ToPayload()));
        Assert.IsType<WriteOutcome.Written>(await agent.Inject(theirs, other.ToPayload()));
        using var stop = new CancellationTokenSource();
        var intruder = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                proxy.Ask($"set ssl cert {theirs} <<\n{other.Pem}\n");
                proxy.Ask($"commit ssl cert {theirs}\n");
            }
        });

        for (var look = 0; look < 300; look++)
        {
            Assert.Equal(2, (await agent.Memory.ReadNames(path.Directory, CancellationToken.None)).Count);
            Assert.NotNull(await agent.Memory.ReadOne(path, CancellationToken.None));
        }

        await stop.CancelAsync();
        await intruder;
    }

    /// <summary>Each near HAProxy's buffer: a batch is sixteen times that in one write.</summary>
    [Fact]
    public async Task Sixteen_bundles_as_large_as_they_may_be_share_a_connection()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var bundles = Enumerable.Range(0, 33)
            .Select(i => _authority.Issue($"d{i}.example.com", paddingBytes: 10_600 + (5 * i))).ToArray();
        Assert.InRange(bundles[^1].ToPayload().Bytes.Length, 15_500, 16_000);
        var process = await agent.Memory.ReadProcess(CancellationToken.None);

        var outcomes = await Task.WhenAll(bundles.Select(bundle => agent.Writer.Inject(
            proxy.PathOf(bundle.Hostname), bundle.ToPayload(), isNew: true, isListed: false, process,
            CancellationToken.None)));

        Assert.All(outcomes, outcome => Assert.IsType<WriteOutcome.Written>(outcome));
        foreach (var bundle in bundles)
        {
            Assert.Equal(bundle.Fingerprint, await proxy.Visit(bundle.Hostname));
        }
    }

    [Fact]
    public async Task A_write_planned_for_a_worker_that_was_replaced_is_not_made()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var a = _authority.Issue("a.example.com");
        var before = await agent.Memory.ReadProcess(CancellationToken.None);
        await proxy.Reload();

        var outcome = await agent.Writer.Inject(
            proxy.PathOf(a.Hostname), a.ToPayload(), isNew: true, isListed: false, before, CancellationToken.None);

        Assert.IsType<WriteOutcome.Replaced>(outcome);
        Assert.NotEqual(a.Fingerprint, await proxy.Visit(a.Hostname));
    }

    [Fact]
    public async Task No_haproxy_at_all_is_a_replaced_process_and_not_a_crash()
    {
        await using var proxy = await RealHaproxy.Start();
        var agent = new AgentHands(proxy);
        var a = _authority.Issue("a.example.com");
        var before = await agent.Memory.ReadProcess(CancellationToken.None);
        await proxy.KillNow();

        var outcome = await agent.Writer.Inject(
            proxy.PathOf(a.Hostname), a.ToPayload(), isNew: true, isListed: false, before, CancellationToken.None);

        Assert.IsType<WriteOutcome.Replaced>(outcome);
    }
}
