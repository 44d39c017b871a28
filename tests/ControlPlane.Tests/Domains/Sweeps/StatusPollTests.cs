using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Jobs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Domains.Sweeps;

public sealed class StatusPollTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task While_nobody_waits_for_the_ca_it_is_not_asked()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.OrderAsync(OrderState.PendingDns);

        await PollAsync(bench);

        Assert.Empty(bench.Ca.Asked);
    }

    [Fact]
    public async Task An_order_the_ca_has_issued_becomes_due_at_once_and_only_once()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await WaitingAsync(bench);
        bench.Ca.Changes = [StandInCa.Told(CaOrderStatus.Issued), StandInCa.Told(CaOrderStatus.Issued, "a stranger's")];

        await PollAsync(bench);
        await PollAsync(bench);

        var told = await bench.ReadAsync(order);
        Assert.Equal(("issued", StandInCa.CertificateId, 1), (told.CaStatus, told.CaCertificateId, told.Nudges));
        Assert.Equal(bench.Clock.GetUtcNow(), told.NextAttemptAt);
    }

    [Fact]
    public async Task A_word_we_do_not_know_and_a_certificate_that_is_not_named_change_little()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await WaitingAsync(bench);
        bench.Ca.Changes = [StandInCa.Told(CaOrderStatus.Unknown), StandInCa.Told(CaOrderStatus.Closed)];

        await PollAsync(bench);

        var told = await bench.ReadAsync(order);
        Assert.Equal(("closed", "cert-0"), (told.CaStatus, told.CaCertificateId));
    }

    [Theory]
    [InlineData("cert-1", null)]
    [InlineData("cert-0", "issued")]
    public async Task Of_a_reissue_the_certificate_before_is_no_news(string before, string? word)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(
            OrderState.PendingValidation, row => row.ReissueBaseline = new ReissueBaseline(before, [], 0));
        bench.Ca.Changes = [StandInCa.Told(CaOrderStatus.Issued)];

        await PollAsync(bench);

        Assert.Equal(word, (await bench.ReadAsync(order)).CaStatus);
    }

    private static Task<Order> WaitingAsync(PathBench bench) => bench.OrderAsync(OrderState.PendingIssuance, row =>
    {
        row.CaCertificateId = "cert-0";
        row.NextAttemptAt = row.CreatedAt.AddMinutes(5);
    });

    private static Task PollAsync(PathBench bench) => new StatusPoll(
        bench.Authorities, bench, bench.Wakes, bench.Clock, Options.Create(new JobOptions()),
        NullLogger<StatusPoll>.Instance)
        .RunAsync(default);
}
