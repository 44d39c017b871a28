using System.Text.RegularExpressions;
using ControlPlane.Domains;
using ControlPlane.Domains.Running;

namespace ControlPlane.Tests.Domains;

public sealed class IssuancePathTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private static readonly OrderState[] All = Enum.GetValues<OrderState>();

    [Fact]
    public void Every_state_has_an_entry() =>
        Assert.All(All, state => Assert.Null(Record.Exception(() => IssuancePath.Allows(state, state))));

    [Fact]
    public void A_terminal_state_leads_nowhere_except_that_a_failed_order_can_be_canceled()
    {
        var ways = All.Where(IssuancePath.IsTerminal)
            .SelectMany(from => All.Where(to => IssuancePath.Allows(from, to)), (from, to) => (from, to));

        Assert.Equal([(OrderState.Failed, OrderState.Canceling)], ways);
    }

    [Fact]
    public void Every_state_is_reached_and_every_open_one_can_be_canceled()
    {
        Assert.All(
            All.Where(state => state != OrderState.PendingDns),
            to => Assert.Contains(All, from => IssuancePath.Allows(from, to)));
        Assert.All(
            All.Where(state => !IssuancePath.IsTerminal(state) && state != OrderState.Canceling),
            from => Assert.True(IssuancePath.Allows(from, OrderState.Canceling), $"{from}"));
    }

    [Fact]
    public void A_move_that_the_path_does_not_list_throws_and_changes_nothing()
    {
        var now = new FakeClock().GetUtcNow();
        var domain = new Domain
        {
            Id = Guid.NewGuid(),
            TenantId = Guid.NewGuid(),
            FleetId = Guid.NewGuid(),
            Hostname = "shop.example.com",
            KeyAlgorithm = KeyAlgorithm.EcdsaP256,
            CreatedAt = now,
        };
        foreach (var to in All.Where(to => !IssuancePath.Allows(OrderState.PendingDns, to)))
        {
            var order = Order.Open(domain, OrderKind.New, now);
            Assert.Throws<InvalidOperationException>(() => order.MoveTo(to, now.AddDays(1)));
            Assert.Equal((OrderState.PendingDns, now), (order.State, order.StateSince));
        }
    }

    [Fact]
    public void Every_step_is_on_the_path_exactly_once()
    {
        var steps = typeof(IStep).Assembly.GetTypes()
            .Where(type => type.IsAssignableTo(typeof(IStep)) && !type.IsInterface).Select(type => type.Name);

        Assert.Equal(steps.Order(StringComparer.Ordinal),
            IssuancePath.Steps.Select(step => step.Step.Name).Order(StringComparer.Ordinal));
        Assert.All(IssuancePath.Steps, step => Assert.Equal(step.Step, IssuancePath.StepOf(step.State)));
        Assert.Throws<InvalidOperationException>(() => IssuancePath.StepOf(OrderState.Active));
    }

    [Fact]
    public async Task The_schema_names_the_same_states_and_ends_the_same_ones()
    {
        var states = await CheckAsync("state = ANY%PendingDns%PendingOrder%Canceled%");
        var closed = await CheckAsync("%state = ANY%closed_at IS NOT NULL%");

        Assert.Equal(All.Select(state => state.ToString()).Order(StringComparer.Ordinal), states);
        Assert.Equal(
            All.Where(IssuancePath.IsTerminal).Select(state => state.ToString()).Order(StringComparer.Ordinal), closed);
    }

    /// <summary>The quoted words of the one CHECK on orders that looks like this.</summary>
    private async Task<IEnumerable<string>> CheckAsync(string like)
    {
        await using var command = database.DataSource.CreateCommand(
            """
            SELECT pg_get_constraintdef(oid) FROM pg_constraint
            WHERE conrelid = 'orders'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%' || $1
            """);
        command.Parameters.Add(new() { Value = like });
        var definition = Assert.IsType<string>(await command.ExecuteScalarAsync());
        return Regex.Matches(definition, "'(?<word>\\w+)'::text", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5))
            .Select(match => match.Groups["word"].Value).Order(StringComparer.Ordinal);
    }
}
