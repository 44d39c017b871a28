using ControlPlane.Audit;
using Npgsql;

namespace ControlPlane.Tests.Audit;

/// <summary>The threat "audit tampering": three batches of five, and a superuser.</summary>
public sealed class AuditTamperingTests(PostgresFixture server)
{
    private const string Batch = "INSERT INTO audit_batches ";

    private const string Last = " FROM audit_batches WHERE number = 3";

    [Theory]
    [InlineData("UPDATE audit_entries SET actor = 'somebody else' WHERE id = 7", "entry 7 was changed")]
    [InlineData("UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE id = 7", "entry 7 was changed")]
    [InlineData("UPDATE audit_entries SET request_id = '' WHERE id = 7", "entry 7 was changed")]
    [InlineData("DELETE FROM audit_entries WHERE id = 8", "entry 8 is missing")]
    [InlineData(
        "UPDATE audit_entries SET target = CASE id WHEN 6 THEN '/v1/things/4' ELSE '/v1/things/0' END "
            + "WHERE id IN (6, 10)",
        "entry 6 was changed")]
    [InlineData("WITH gone AS (DELETE FROM audit_entries WHERE id = 9) DELETE FROM audit_sealed WHERE entry_id = 9",
        "holds 4")]
    [InlineData("UPDATE audit_batches SET sealed_at = sealed_at - interval '1 day' WHERE number = 2", "its hash")]
    [InlineData("UPDATE audit_batches SET settled_id = settled_id - 1 WHERE number = 2", "its hash")]
    public async Task What_was_changed_in_a_batch_names_the_batch_and_the_entry(string sql, string says)
    {
        await using var bench = await ThreeBatchesAsync();

        var found = await bench.VerifyTamperedAsync(sql);

        Assert.Contains("Batch 2 is broken", found.Fault, StringComparison.Ordinal);
        Assert.Contains(says, found.Fault, StringComparison.Ordinal);
        Assert.Equal((1, 5), (found.Batches, found.Entries));
    }

    /// <summary>The columns of two whole rows trade places, so that each holds nothing but true things.</summary>
    [Fact]
    public async Task Two_entries_that_were_swapped_name_the_batch()
    {
        await using var bench = await ThreeBatchesAsync();

        var found = await bench.VerifyTamperedAsync(
            """
            UPDATE audit_entries a SET at = b.at, target = b.target FROM audit_entries b
            WHERE (a.id, b.id) IN ((6, 8), (8, 6))
            """);

        Assert.Equal("Batch 2 is broken: entry 6 was changed.", found.Fault);
    }

    /// <summary>An edit with its digest, and even with its batch's hash, made to fit breaks the next link.</summary>
    [Fact]
    public async Task An_entry_that_was_changed_with_its_digest_and_its_batch_breaks_the_next_link()
    {
        await using var bench = await ThreeBatchesAsync();
        await bench.Roles.TamperAsync("UPDATE audit_entries SET outcome = 'nothing' WHERE id = 6");
        await RehashAsync(bench, 2);

        var found = await bench.VerifyAsync();

        Assert.Equal("Batch 3 is broken: it does not follow the batch before it.", found.Fault);
    }

    [Fact]
    public async Task A_chain_that_was_made_anew_differs_from_the_head_that_was_kept_outside()
    {
        await using var bench = await ThreeBatchesAsync();
        var kept = (await bench.VerifyAsync()).Head;
        await bench.Roles.TamperAsync("UPDATE audit_entries SET outcome = 'nothing' WHERE id = 6");
        await RehashAsync(bench, 2);
        await RehashAsync(bench, 3);

        Assert.Null((await bench.VerifyAsync()).Fault);
        Assert.Contains("made anew", (await bench.VerifyAsync(kept)).Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_last_batch_that_was_cut_off_is_missed_by_the_head_that_was_kept_outside()
    {
        await using var bench = await ThreeBatchesAsync();
        var kept = AuditHead.Parse((await bench.VerifyAsync()).Head.ToString()[..14]);

        var found = await bench.VerifyTamperedAsync(
            """
            WITH sealed AS (DELETE FROM audit_sealed WHERE batch = 3), gone AS (DELETE FROM audit_entries WHERE id > 10)
            DELETE FROM audit_batches WHERE number = 3
            """,
            kept);

        Assert.Equal("The trail ends at batch 2, expected was batch 3: its end was cut off.", found.Fault);
        // What it cannot know it does not claim.
        Assert.Null((await bench.VerifyAsync()).Fault);
    }

    [Fact]
    public async Task A_batch_that_is_missing_is_named()
    {
        await using var bench = await ThreeBatchesAsync();

        var found = await bench.VerifyTamperedAsync(
            """
            WITH sealed AS (DELETE FROM audit_sealed WHERE batch = 2), gone AS (DELETE FROM audit_entries
                WHERE id BETWEEN 6 AND 10)
            DELETE FROM audit_batches WHERE number = 2
            """);

        Assert.StartsWith("Batch 2 is missing", found.Fault, StringComparison.Ordinal);
    }

    /// <summary>Fails when the first fault ends the verification: whoever broke an early batch could edit later ones
    /// unseen.</summary>
    [Fact]
    public async Task A_broken_batch_does_not_hide_another_one()
    {
        await using var bench = await ThreeBatchesAsync();

        var found = await bench.VerifyTamperedAsync("UPDATE audit_entries SET actor = 'nobody' WHERE id IN (2, 12)");

        Assert.Equal(
            ["Batch 1 is broken: entry 2 was changed.", "Batch 3 is broken: entry 12 was changed."], found.Faults);
        Assert.Equal((0, 0), (found.Batches, found.Entries));
    }

    /// <summary>The program's role, which may insert: each row below is one that the chain could not live with. The
    /// first is the one of the next entry, sealed before it is written.</summary>
    [Theory]
    [InlineData("INSERT INTO audit_sealed VALUES (17, 1, sha256(''))")]
    [InlineData("INSERT INTO audit_sealed VALUES (17, 3, sha256(''))")]
    [InlineData("INSERT INTO audit_sealed SELECT max(id), 3, sha256('') FROM audit_entries")]
    [InlineData(Batch + "SELECT 5, 1, 0, 15, pg_current_xact_id(), hash, sha256('x'), now()" + Last)]
    [InlineData(Batch + "SELECT 4, 1, settled_id, 15, pg_current_xact_id(), sha256('y'), sha256('x'), now()" + Last)]
    [InlineData(Batch + "SELECT 4, 1, 1000, 15, pg_current_xact_id(), hash, sha256('x'), now()" + Last)]
    [InlineData(Batch + "SELECT 4, 1, settled_id, 1000, pg_current_xact_id(), hash, sha256('x'), now()" + Last)]
    [InlineData(Batch + "SELECT 4, 1, settled_id, 15, '3'::xid8, hash, sha256('x'), now()" + Last)]
    [InlineData(
        Batch + "SELECT 4, 1, settled_id, high_id, pg_current_xact_id(), hash, sha256('x'), now()" + Last
            + "; INSERT INTO audit_sealed VALUES (17, 4, sha256(''))")]
    public async Task The_program_cannot_add_to_the_chain_what_breaks_it(string sql)
    {
        await using var bench = await ThreeBatchesAsync();
        await bench.Trail.WriteAsync(default, TrailBench.Note(16));

        await using var command = bench.Roles.Program.CreateCommand(sql);
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refusal.SqlState);
        await bench.BatchAsync(1);
        Assert.Equal((null, 17), ((await bench.VerifyAsync()).Fault, (await bench.VerifyAsync()).Entries));
    }

    /// <summary>Into a gap that a transaction which was rolled back has left, as all sequences have them.</summary>
    [Fact]
    public async Task An_entry_that_was_slipped_in_names_the_batch_it_should_be_in()
    {
        await using var bench = await TrailBench.StartAsync(server);
        await bench.Trail.WriteAsync(default, TrailBench.Note(1));
        await using (var connection = await bench.Roles.Program.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await bench.Trail.WriteWithinAsync(connection, [TrailBench.Note(2)], default);
        }

        await bench.BatchAsync(3);
        await bench.SettleAsync(5);
        const string slipIn =
            """
            INSERT INTO audit_entries (id, at, phase, actor_kind, operation, outcome)
            OVERRIDING SYSTEM VALUE VALUES (2, now(), 'done', 'system', 'Nothing', 'happened')
            """;

        var found = await bench.VerifyTamperedAsync(slipIn);

        Assert.Contains("entry 2 was slipped in", found.Fault, StringComparison.Ordinal);
        // The sealer does not launder it afterwards.
        await bench.BatchAsync(1);
        Assert.Contains("entry 2 was slipped in", (await bench.VerifyAsync()).Fault, StringComparison.Ordinal);
    }

    private async Task<TrailBench> ThreeBatchesAsync()
    {
        var bench = await TrailBench.StartAsync(server);
        for (var batch = 1; batch <= 3; batch++)
        {
            await bench.BatchAsync(5);
        }

        return bench;
    }

    /// <summary>What a superuser who knows this program does: makes digests and hash of a batch fit its
    /// entries.</summary>
    private static async Task RehashAsync(TrailBench bench, long number)
    {
        AuditBatch? before = null;
        await foreach (var (batch, contents) in new AuditDatabase(bench.Roles.Program).BatchesAsync(default))
        {
            if (batch.Number == number)
            {
                var digests = contents.Select(entry => (entry.Id, Digest: AuditHash.Of(entry.Entry!))).ToList();
                var forged = batch with { PreviousHash = before!.Hash };
                foreach (var (id, digest) in digests)
                {
                    await bench.Roles.TamperAsync(
                        $"UPDATE audit_sealed SET digest = '\\x{Convert.ToHexString(digest)}' WHERE entry_id = {id}");
                }

                await bench.Roles.TamperAsync(
                    $"""
                    UPDATE audit_batches SET previous_hash = '\x{Convert.ToHexString(forged.PreviousHash)}',
                        hash = '\x{Convert.ToHexString(AuditHash.Of(forged, digests))}' WHERE number = {number}
                    """);
                return;
            }

            before = batch;
        }
    }
}
