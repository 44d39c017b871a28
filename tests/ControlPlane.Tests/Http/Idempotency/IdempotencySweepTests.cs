using ControlPlane.Http.Access;
using ControlPlane.Http.Idempotency;
using ControlPlane.Tests.Domains;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Http.Idempotency;

public sealed class IdempotencySweepTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_key_is_forgotten_after_a_weekend_and_not_before()
    {
        await using var bench = await PathBench.StartAsync(database);
        var now = bench.Clock.GetUtcNow();
        await using var db = bench.CreateDbContext();
        var (key, _) = await Keys.AddAsync(db, ApiRole.Support, null, new CreateKey("sweep"), now);
        foreach (var (name, age) in new[] { ("old", 72.1), ("kept", 71.9), ("fresh", 0) })
        {
            db.Add(new IdempotencyKey
            {
                ApiKeyId = key.Id,
                Key = name,
                RequestHash = [1],
                CreatedAt = now - TimeSpan.FromHours(age),
            });
        }

        await db.SaveChangesAsync();

        await new IdempotencySweep(bench, bench.Clock).RunAsync(default);

        var left = await db.IdempotencyKeys.Where(row => row.ApiKeyId == key.Id).Select(row => row.Key).Order()
            .ToListAsync();
        Assert.Equal(["fresh", "kept"], left);
    }
}
