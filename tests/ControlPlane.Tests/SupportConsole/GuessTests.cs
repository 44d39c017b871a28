using System.Net;
using ControlPlane.Tests.Http;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>A fixture in which strangers may ask a few times.</summary>
public sealed class GuessedApi(PostgresFixture server) : ApiFixture(server)
{
    public const int Burst = 30;

    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["Http:Rates:Anonymous:PerSecond"] = "1",
        ["Http:Rates:Anonymous:Burst"] = $"{Burst}",
    };
}

/// <summary>Guesses at keys, made at the console's door.</summary>
public sealed class GuessTests(GuessedApi api) : IClassFixture<GuessedApi>
{
    [Fact]
    public async Task Guesses_at_the_door_of_the_console_are_slowed_down_as_those_at_the_API()
    {
        // Somebody of the same office is signed in, and known to the replica.
        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        await visitor.ReadAsync("/console/webhooks");
        using var guesser = ConsoleVisitor.At(api);
        var answers = new List<HttpStatusCode>();
        string last;
        do
        {
            using var answer = await guesser.SignInAsync("cp_admin_" + new string('A', 43));
            answers.Add(answer.StatusCode);
            last = await answer.Content.ReadAsStringAsync();
        }
        while (answers[^1] == HttpStatusCode.Unauthorized);

        Assert.Equal(HttpStatusCode.TooManyRequests, answers[^1]);
        Assert.Contains("<h1", last, StringComparison.Ordinal);
        // Whoever is known goes on.
        await visitor.ReadAsync("/console/webhooks");
    }
}
