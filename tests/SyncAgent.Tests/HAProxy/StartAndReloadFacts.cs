using System.Text;
using SyncAgent.HAProxy;

namespace SyncAgent.Tests.HAProxy;

/// <summary>What the real HAProxy does at its start, and while an old worker lives beside a new one.</summary>
public sealed class StartAndReloadFacts : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task A_connection_from_before_a_reload_still_talks_to_the_old_worker_and_hears_success()
    {
        await using var proxy = await RealHaproxy.Start();
        using var old = proxy.Connect();
        old.Send("prompt\n"u8);
        await proxy.Reload();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);

        old.Send(Encoding.ASCII.GetBytes(
            $"new ssl cert {path}\nset ssl cert {path} <<\n{a.Pem}\ncommit ssl cert {path}\n"
            + $"add ssl crt-list {proxy.Certificates} {path}\nshow ssl cert {path}\nquit\n"));
        var said = RealHaproxy.ReadToEnd(old);

        Assert.Contains("Success!", said, StringComparison.Ordinal);
        Assert.Contains("Status: Used", said, StringComparison.Ordinal);
        Assert.Contains("Not found", proxy.Ask($"show ssl cert {path}\n"), StringComparison.Ordinal);
        Assert.NotEqual(a.Fingerprint, await proxy.Visit(a.Hostname));
    }

    [Fact]
    public async Task A_refused_file_under_its_final_name_stops_the_next_start_and_a_dot_file_does_not()
    {
        await using var proxy = RealHaproxy.Prepare();
        var (a, b) = (_authority.Issue("a.example.com"), _authority.Issue("a.example.com"));
        var mismatched = a.CertificatePem + b.KeyPem;
        var path = proxy.PathOf(a.Hostname);

        File.WriteAllText(Path.Combine(proxy.Certificates, path.Name.StageFileName), mismatched);
        File.WriteAllText(Path.Combine(proxy.Certificates, path.Name.QuarantineFileName), "garbage");
        var (withDotFiles, _) = proxy.Check();
        File.WriteAllText(path.Value, mismatched);
        var (withRefusedFile, said) = proxy.Check();

        Assert.Equal(0, withDotFiles);
        Assert.NotEqual(0, withRefusedFile);
        Assert.Contains("inconsistencies between private key and certificate", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    public async Task An_empty_or_garbage_file_stops_the_next_start(string content)
    {
        await using var proxy = RealHaproxy.Prepare();
        File.WriteAllText(proxy.PathOf("a.example.com").Value, content);

        var (status, _) = proxy.Check();

        Assert.NotEqual(0, status);
    }

    [Fact]
    public async Task An_empty_directory_with_strict_sni_starts_and_answers_unrecognized_name()
    {
        await using var proxy = await RealHaproxy.Start();

        var said = await proxy.Visit("nobody.example.com");

        Assert.Contains("unrecognized name", said.Replace('_', ' '), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Without_strict_sni_the_first_file_answers_for_every_name_and_cannot_be_deleted()
    {
        await using var proxy = RealHaproxy.Prepare(strictSni: false);
        var a = _authority.Issue("a.example.com");
        File.WriteAllText(proxy.PathOf(a.Hostname).Value, a.Pem);
        await proxy.Run();

        var said = proxy.Ask($"del ssl crt-list {proxy.Certificates} {proxy.PathOf(a.Hostname)}\n");

        Assert.Equal(a.Fingerprint, await proxy.Visit("somebody-else.example.com"));
        Assert.Contains("cannot be deleted", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_strict_sni_even_the_first_file_can_be_removed()
    {
        await using var proxy = RealHaproxy.Prepare();
        var a = _authority.Issue("a.example.com");
        File.WriteAllText(proxy.PathOf(a.Hostname).Value, a.Pem);
        await proxy.Run();

        var outcome = await new AgentHands(proxy).Remove(proxy.PathOf(a.Hostname));

        Assert.IsType<WriteOutcome.Written>(outcome);
        Assert.NotEqual(a.Fingerprint, await proxy.Visit(a.Hostname));
    }
}
