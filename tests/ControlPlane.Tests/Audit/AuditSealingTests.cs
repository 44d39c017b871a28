using ControlPlane.Audit;
using Npgsql;

namespace ControlPlane.Tests.Audit;

/// <summary>Sealing skips nothing and seals nothing twice, whatever the order of commits.</summary>
public sealed class AuditSealingTests(PostgresFixture server)
{
    /// <summary>Fails when sealing goes by the last id, or counts an id as settled while its transaction
    /// runs.</summary>
    [Fact]
    public async Task An_entry_that_commits_after_later_ones_were_sealed_is_sealed_all_the_same()
    {
        await using var bench = await TrailBench.StartAsync(server);
        await using var slow = await bench.Roles.Program.OpenConnectionAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await bench.Trail.WriteWithinAsync(slow, [TrailBench.Note(1)], default);

        for (var batch = 1; batch <= 3; batch++)
        {
            Assert.Equal(0, (await bench.BatchAsync(2)).SettledId);
        }

        await transaction.CommitAsync();
        var late = await bench.Sealing.SealAsync(default);

        Assert.Equal((4, 1), (late!.Number, late.Entries));
        var found = await bench.VerifyAsync();
        Assert.Null(found.Fault);
        Assert.Equal((7, 0), (found.Entries, found.Unsealed));
        await bench.SettleAsync(7);
    }

    /// <summary>The slow one has the highest number of all when the batch is sealed. Fails when a snapshot's xmax is
    /// taken for the next number.</summary>
    [Fact]
    public async Task An_entry_whose_transaction_is_the_newest_is_not_taken_for_settled()
    {
        await using var bench = await TrailBench.StartAsync(server);
        await bench.Trail.WriteAsync(default, TrailBench.Note(1));
        await using var slow = await bench.Roles.Program.OpenConnectionAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await bench.Trail.WriteWithinAsync(slow, [TrailBench.Note(2)], default);

        Assert.Equal(1, (await bench.Sealing.SealAsync(default))!.Entries);
        Assert.Equal(0, (await bench.BatchAsync(1)).SettledId);
        await transaction.CommitAsync();
        Assert.Equal(1, (await bench.Sealing.SealAsync(default))!.Entries);

        Assert.Equal((null, 3L, 0L), await ShortAsync(bench));
    }

    private static async Task<(string? Fault, long Entries, long Unsealed)> ShortAsync(TrailBench bench)
    {
        var found = await bench.VerifyAsync();
        return (found.Fault, found.Entries, found.Unsealed);
    }

    [Fact]
    public async Task Writers_that_commit_in_any_order_beside_two_sealers_lose_nothing()
    {
        await using var bench = await TrailBench.StartAsync(server);
        const int writers = 6;
        const int each = 40;
        using var over = new CancellationTokenSource();
        var sealers = new[] { bench.Sealing, bench.NewSealing() }.Select(sealing => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                await sealing.RunAsync(default);
            }
        })).ToArray();

        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            var dice = new Random(writer);
            for (var number = 0; number < each; number++)
            {
                await using var connection = await bench.Roles.Program.OpenConnectionAsync();
                await using var transaction = await connection.BeginTransactionAsync();
                await bench.Trail.WriteWithinAsync(connection, [TrailBench.Note(number)], default);
                for (var pause = dice.Next(5); pause > 0; pause--)
                {
                    // A round trip: others overtake.
                    await new NpgsqlCommand("SELECT 1", connection).ExecuteScalarAsync();
                }

                await (dice.Next(10) == 0 ? transaction.RollbackAsync() : transaction.CommitAsync());
            }
        })));
        await over.CancelAsync();
        await Task.WhenAll(sealers);
        await bench.Sealing.RunAsync(default);

        var found = await bench.VerifyAsync();
        Assert.Null(found.Fault);
        Assert.Equal(0, found.Unsealed);
        Assert.Equal(await bench.Roles.ReadAsync<long>("SELECT count(*) FROM audit_entries"), found.Entries);
        Assert.True(found.Batches > 1, $"{found.Batches} batches");
    }

    /// <summary>The connection dies between a batch's row and its contents, as it does with a killed program.</summary>
    [Fact]
    public async Task A_sealer_that_is_killed_in_the_middle_leaves_no_trace()
    {
        await using var bench = await TrailBench.StartAsync(server);
        var first = await bench.BatchAsync(3);
        await bench.Roles.TamperAsync(
            """
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
                $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
            CREATE TRIGGER die BEFORE INSERT ON audit_sealed FOR EACH ROW EXECUTE FUNCTION die();
            """);
        await bench.Trail.WriteAsync(default, TrailBench.Note(4));

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => bench.Sealing.SealAsync(default));

        var found = await bench.VerifyAsync(first.Head);
        Assert.Equal((null, 1L, 1L), (found.Fault, found.Batches, found.Unsealed));
        await bench.Roles.TamperAsync("DROP TRIGGER die ON audit_sealed");
        Assert.Equal(2, (await bench.Sealing.SealAsync(default))!.Number);
        Assert.Equal((null, 4L), ((await bench.VerifyAsync()).Fault, (await bench.VerifyAsync()).Entries));
    }

    /// <summary>More than one batch holds, in one turn.</summary>
    [Fact]
    public async Task A_backlog_is_sealed_in_batches_of_a_thousand()
    {
        await using var bench = await TrailBench.StartAsync(server);
        await bench.Roles.TamperAsync(
            """
            INSERT INTO audit_entries (at, phase, actor_kind, operation, outcome)
            SELECT now(), 'done', 'system', 'Test', 'done' FROM generate_series(1, 2500)
            """);

        await bench.Sealing.RunAsync(default);

        var found = await bench.VerifyAsync();
        Assert.Equal((null, 3L, 2500L, 0L), (found.Fault, found.Batches, found.Entries, found.Unsealed));
    }

    [Fact]
    public async Task An_export_is_verified_without_the_database_and_shows_what_was_done_to_it()
    {
        await using var bench = await TrailBench.StartAsync(server);
        await bench.BatchAsync(3);
        var head = (await bench.BatchAsync(2)).Head;
        await bench.Trail.WriteAsync(default, TrailBench.Note(6));
        var path = Path.Combine(Path.GetTempPath(), $"audit-{Guid.NewGuid():N}.ndjson");
        try
        {
            await using (var file = File.Create(path))
            {
                await AuditFile.WriteAsync(new AuditDatabase(bench.Roles.Program), file, default);
            }

            var lines = await File.ReadAllLinesAsync(path);
            var found = await AuditVerification.VerifyAsync(new AuditFile(path), head, default);
            Assert.Equal((null, 2L, 5L, 1L), (found.Fault, found.Batches, found.Entries, found.Unsealed));
            Assert.Equal(head.ToString(), found.Head.ToString());

            var edited = lines.Select((line, at) => at == 2 ? line.Replace("/v1/things/1", "/v1/things/9") : line);
            Assert.Equal("Batch 1 is broken: entry 2 was changed.", await FaultAsync(path, edited));
            Assert.Equal(
                "Batch 1 is broken: it was sealed with 3 entries and holds 2.",
                await FaultAsync(path, lines.Where((_, at) => at != 2)));
            Assert.StartsWith(
                "The file has no last line", await FaultAsync(path, lines.SkipLast(1)), StringComparison.Ordinal);
            Assert.StartsWith(
                "The file ends at batch 1", await FaultAsync(path, [.. lines[..4], lines[^1]]),
                StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("12")]
    [InlineData("twelve:9f86d081884c")]
    [InlineData("12:9f86")]
    [InlineData("12:no hexadecimal")]
    public void A_head_that_is_none_is_refused(string text) =>
        Assert.Throws<FormatException>(() => AuditHead.Parse(text));

    private static async Task<string?> FaultAsync(string path, IEnumerable<string> lines)
    {
        await File.WriteAllLinesAsync(path, lines);
        return (await AuditVerification.VerifyAsync(new AuditFile(path), null, default)).Fault;
    }
}
