using ControlPlane.Domains;
using ControlPlane.Tests.Domains;
using ControlPlane.TokenStore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.TokenStore;

public sealed class TokenSweepTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Only_an_order_that_is_under_way_keeps_its_token()
    {
        await using var bench = await PathBench.StartAsync(database);
        var kept = await bench.OrderAsync(OrderState.PendingValidation);
        var active = await bench.OrderAsync(OrderState.Active);
        var failed = await bench.OrderAsync(OrderState.Failed);
        foreach (var order in new[] { kept, active, failed })
        {
            await bench.Tokens.PublishAsync(order.Hostname, order.Sequence, "value", bench.Clock.GetUtcNow(), default);
        }

        await bench.Tokens.PublishAsync("gone.example.com", 999_999, "value", bench.Clock.GetUtcNow(), default);

        await new TokenSweep(bench.Tokens, bench, bench.Pause, NullLogger<TokenSweep>.Instance).RunAsync(default);

        Assert.Equal([(kept.Hostname, kept.Sequence)], await bench.Tokens.ListAsync(default));
    }
}
