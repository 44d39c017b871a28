using ControlPlane.Contracts;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Proving;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Proving;

public sealed class ProofTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const string Wanted = "aa";

    /// <summary>Each node: S(erving) J(oining) L(ost) D(raining); then what it said of the bundle: + proven, - refused,
    /// ~ refused an earlier one, o another leaf, d only on disk, . nothing.</summary>
    [Theory]
    [InlineData("S+ S+ S+", "Proven")]
    [InlineData("S+ S+ S.", "Waiting")]
    [InlineData("S+ S+ So", "Waiting")]
    [InlineData("S+ S+ Sd", "Waiting")]
    [InlineData("S+ S+ S~", "Waiting")]
    [InlineData("S+ S. S-", "Refused")]
    [InlineData("S+ S+ L.", "Proven")]
    [InlineData("S+ S+ J.", "Proven")]
    [InlineData("S+ S+ D-", "Proven")]
    [InlineData("S+ L+ L+", "NoMajority")]
    [InlineData("S+ L.", "NoMajority")]
    [InlineData("S- L. L.", "NoMajority")]
    [InlineData("S+", "Proven")]
    [InlineData("J+ D+", "NoMajority")]
    [InlineData("", "NoMajority")]
    public void Active_needs_every_serving_node_and_a_majority(string fleet, string outcome)
    {
        List<ProofNode> nodes = [];
        Dictionary<Guid, NodeObservation> seen = [];
        foreach (var text in fleet.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var node = new ProofNode(
                Guid.NewGuid(), text, Enum.GetValues<NodeStanding>().Single(s => s.ToString()[0] == text[0]));
            nodes.Add(node);
            if (text[1] != '.')
            {
                var leaf = text[1] == 'o' ? "bb" : Wanted;
                seen[node.Id] = new NodeObservation
                {
                    NodeId = node.Id,
                    DomainId = Guid.Empty,
                    Revision = text[1] == '~' ? 4 : 5,
                    State = text[1] is '-' or '~' ? ObservedDomainState.Refused : ObservedDomainState.Serving,
                    DiskFingerprint = leaf,
                    MemoryFingerprint = leaf,
                    HandshakeFingerprint = text[1] == 'd' ? null : leaf,
                    ObservedAt = default,
                };
            }
        }

        var verdict = RolloutProof.Judge(nodes, seen, Wanted, publishedAt: 5);
        Assert.Equal(outcome, verdict.Outcome.ToString());
        Assert.Equal(nodes.Count(node => node.Standing == NodeStanding.Lost), verdict.Lost.Count);
        Assert.Equal(
            nodes.Count(node => node.Standing == NodeStanding.Serving),
            verdict.Proven.Count + verdict.Waiting.Count + verdict.Refused.Count);
    }

    [Fact]
    public async Task A_rollout_is_read_from_the_reports_and_holds_off_the_next_one_until_the_commit()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (one, two) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        await one.ReportAsync(true);
        await two.ReportAsync(true);
        var domain = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await one.ReportAsync(true, domain.Served());

        await using var db = database.Open();
        await using (var transaction = await db.Database.BeginTransactionAsync())
        {
            var verdict = await RolloutProof.ReadAsync(db, fleet.Id, domain.Id, domain.Bundle.Fingerprint, default);
            Assert.Equal(RolloutOutcome.Waiting, verdict.Outcome);
            Assert.Equal("n2", Assert.Single(verdict.Waiting).Name);

            var report = two.ReportAsync(true, domain.Served());
            await Eventually.TrueAsync(IsAReportBlockedAsync);
            Assert.False(report.IsCompleted);
            await transaction.CommitAsync();
            await report.WaitAsync(Eventually.Deadline);
        }

        await using (await db.Database.BeginTransactionAsync())
        {
            var verdict = await RolloutProof.ReadAsync(db, fleet.Id, domain.Id, domain.Bundle.Fingerprint, default);
            Assert.Equal(RolloutOutcome.Proven, verdict.Outcome);
        }

        Assert.Equal(["n1", "n2"], (await ServingNodes.ReadAsync(db, fleet.Id, default)).Select(node => node.Name));
    }

    [Fact]
    public async Task A_withdrawal_waits_for_serving_nodes_and_names_the_others()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (serving, joining) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        await serving.ReportAsync(true);
        await joining.ReportAsync(false);
        var domain = await app.Rows.DomainAsync(fleet.Id);
        Assert.True((await WithdrawalAsync(domain)).Confirmed);

        await app.Rows.ChangeAsync(domain);
        Assert.False((await WithdrawalAsync(domain)).Confirmed);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await app.Rows.ChangeAsync(domain, withdraw: true);
        Assert.False((await WithdrawalAsync(domain)).Confirmed);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var told = (await serving.PollAsync()).Tombstones.Single().Revision;

        await serving.ReportAsync(true, domain.Withdrawn(told - 1));
        Assert.Equal("n1", Assert.Single((await WithdrawalAsync(domain)).Waiting).Name);
        await serving.ReportAsync(true, domain.Withdrawn(told));
        var verdict = await WithdrawalAsync(domain);
        Assert.True(verdict.Confirmed);
        Assert.Equal("n1", Assert.Single(verdict.By).Name);
        Assert.Equal("n2", Assert.Single(verdict.Others).Name);
    }

    [Fact]
    public async Task A_proof_outside_a_transaction_is_refused()
    {
        await using var db = database.Open();
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            RolloutProof.ReadAsync(db, Guid.NewGuid(), Guid.NewGuid(), Wanted, default));
    }

    private async Task<WithdrawalVerdict> WithdrawalAsync(SeededDomain domain)
    {
        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        return await WithdrawalProof.ReadAsync(db, domain.Domain.FleetId, domain.Id, default);
    }

    private async Task<bool> IsAReportBlockedAsync()
    {
        await using var command = database.DataSource.CreateCommand(
            """
            SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                           WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)
            """);
        return await command.ExecuteScalarAsync() is true;
    }
}
