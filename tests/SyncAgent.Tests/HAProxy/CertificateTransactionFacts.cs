using SyncAgent.HAProxy;

namespace SyncAgent.Tests.HAProxy;

/// <summary>What the real HAProxy does with certificate transactions. The agent's rules stand on these.</summary>
public sealed class CertificateTransactionFacts : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task With_a_transaction_open_for_one_name_the_key_of_another_goes_into_its_slot()
    {
        await using var proxy = await RealHaproxy.Start();
        var (a, b) = (_authority.Issue("a.example.com"), _authority.Issue("b.example.com"));
        var (pathA, pathB) = (proxy.PathOf(a.Hostname), proxy.PathOf(b.Hostname));
        proxy.Ask($"new ssl cert {pathA}\n");
        proxy.Ask($"new ssl cert {pathB}\n");
        proxy.Ask($"set ssl cert {pathA} <<\n{a.Pem}\n");

        var said = proxy.Ask($"set ssl cert {pathB} <<\n{b.Pem}\n");
        var committed = proxy.Ask($"commit ssl cert {pathA}\n");

        // Fixed upstream in late 2024; where it is fixed HAProxy refuses instead, and the agent's check is merely idle.
        Assert.Equal(pathA.Value, InjectScript.ForeignTransaction(said.Trim('\n'), pathB));
        Assert.Contains("Success!", committed, StringComparison.Ordinal);
        Assert.Contains(b.MemoryFingerprint, proxy.Ask($"show ssl cert {pathA}\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transaction_outlives_the_connection_that_opened_it()
    {
        await using var proxy = await RealHaproxy.Start();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        proxy.Ask($"new ssl cert {path}\n");
        proxy.Ask($"set ssl cert {path} <<\n{a.Pem}\n");

        var listed = RuntimeReplies.ParseCertificates(proxy.Ask("show ssl cert\n"));

        Assert.Equal(path.Value, listed.Transaction);
        Assert.Contains("aborted", proxy.Ask($"abort ssl cert {path}\n"), StringComparison.Ordinal);
        Assert.Null(RuntimeReplies.ParseCertificates(proxy.Ask("show ssl cert\n")).Transaction);
    }

    [Fact]
    public async Task A_key_that_is_not_the_leafs_is_refused_at_commit_and_the_transaction_stays_open()
    {
        await using var proxy = await RealHaproxy.Start();
        var (a, b) = (_authority.Issue("a.example.com"), _authority.Issue("a.example.com"));
        var path = proxy.PathOf(a.Hostname);
        proxy.Ask($"new ssl cert {path}\n");
        proxy.Ask($"set ssl cert {path} <<\n{a.CertificatePem + b.KeyPem}\n");

        var committed = proxy.Ask($"commit ssl cert {path}\n");

        Assert.Contains("inconsistencies between private key and certificate", committed, StringComparison.Ordinal);
        Assert.Equal(path.Value, RuntimeReplies.ParseCertificates(proxy.Ask("show ssl cert\n")).Transaction);
    }

    [Fact]
    public async Task A_blank_line_ends_the_payload_and_the_rest_is_run_as_commands()
    {
        await using var proxy = await RealHaproxy.Start();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        proxy.Ask($"new ssl cert {path}\n");

        proxy.Ask($"prompt\nset ssl cert {path} <<\n{a.Pem}\nset maxconn global 42\nquit\n");

        Assert.Contains("Maxconn: 42\n", proxy.Ask("show info\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_semicolon_starts_a_new_command()
    {
        await using var proxy = await RealHaproxy.Start();

        proxy.Ask("show ssl cert x;set maxconn global 41\n");

        Assert.Contains("Maxconn: 41\n", proxy.Ask("show info\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_payload_over_the_buffer_gets_an_empty_reply()
    {
        await using var proxy = await RealHaproxy.Start();
        var a = _authority.Issue("a.example.com", paddingBytes: 13_000);
        var path = proxy.PathOf(a.Hostname);
        proxy.Ask($"new ssl cert {path}\n");
        Assert.True(InjectScript.IsOversized(path, a.ToPayload(0), proxy.Options.BufferSize));

        var said = proxy.Ask($"set ssl cert {path} <<\n{a.Pem}\n");

        Assert.Equal("", said);
    }

    [Fact]
    public async Task A_payload_just_within_the_agents_limit_goes_through()
    {
        await using var proxy = await RealHaproxy.Start();
        var path = proxy.PathOf("a.example.com");
        var padding = 13_000;
        var payload = _authority.Issue("a.example.com", paddingBytes: padding).ToPayload(0);
        while (InjectScript.IsOversized(path, payload, proxy.Options.BufferSize))
        {
            padding -= 50;
            payload = _authority.Issue("a.example.com", paddingBytes: padding).ToPayload(0);
        }

        var agent = new AgentHands(proxy);
        var outcome = await agent.Inject(path, payload);

        Assert.IsType<WriteOutcome.Written>(outcome);
    }

    [Fact]
    public async Task Committing_a_new_certificate_serves_nothing_until_it_is_added()
    {
        await using var proxy = await RealHaproxy.Start();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        proxy.Ask($"new ssl cert {path}\n");
        proxy.Ask($"set ssl cert {path} <<\n{a.Pem}\n");
        Assert.Contains("Success!", proxy.Ask($"commit ssl cert {path}\n"), StringComparison.Ordinal);

        var before = await proxy.Visit(a.Hostname);
        proxy.Ask($"add ssl crt-list {proxy.Certificates} {path}\n");

        Assert.NotEqual(a.Fingerprint, before);
        Assert.Equal(a.Fingerprint, await proxy.Visit(a.Hostname));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_directory_is_the_crt_list_with_and_without_its_slash_and_before_the_file_exists(bool slash)
    {
        await using var proxy = RealHaproxy.Prepare(trailingSlash: slash);
        await proxy.Run();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        proxy.Ask($"new ssl cert {path}\n");
        proxy.Ask($"set ssl cert {path} <<\n{a.Pem}\n");
        proxy.Ask($"commit ssl cert {path}\n");

        var added = proxy.Ask($"add ssl crt-list {proxy.Certificates}{(slash ? "/" : "")} {path}\n");

        Assert.Contains("Success!", added, StringComparison.Ordinal);
        Assert.False(File.Exists(path.Value));
        Assert.Equal(a.Fingerprint, await proxy.Visit(a.Hostname));
        Assert.Contains(
            "already exists",
            proxy.Ask($"add ssl crt-list {proxy.Certificates} {path}\n"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_in_use_cannot_be_deleted_before_its_entry()
    {
        await using var proxy = await RealHaproxy.Start();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        Assert.IsType<WriteOutcome.Written>(await new AgentHands(proxy).Inject(path, a.ToPayload()));

        var tooEarly = proxy.Ask($"del ssl cert {path}\n");
        var entry = proxy.Ask($"del ssl crt-list {proxy.Certificates} {path}\n");
        var certificate = proxy.Ask($"del ssl cert {path}\n");

        Assert.Contains("in use", tooEarly, StringComparison.Ordinal);
        Assert.Contains("deleted in crtlist", entry, StringComparison.Ordinal);
        Assert.Contains("deleted!", certificate, StringComparison.Ordinal);
        Assert.NotEqual(a.Fingerprint, await proxy.Visit(a.Hostname));
    }
}
