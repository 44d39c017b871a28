using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Domains;
using ControlPlane.Imports;
using ControlPlane.Imports.Working;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static ControlPlane.Tests.Http.ApiFixture;
using static ControlPlane.Tests.Imports.ImportFiles;

namespace ControlPlane.Tests.Imports;

public sealed class ImportTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_file_is_registered_row_by_row_and_sending_it_again_changes_nothing()
    {
        var names = Names("twice", 250);
        var file = Csv(names) + "TWICE.example.com\n";
        var import = await TakeInAsync(api.Acme, file);
        Assert.Equal("0/0/1/0/250", Counts(await ReadAsync(api.Acme, import)));
        Assert.Equal("running", (await ReadAsync(api.Acme, import))["status"]!.ToString());

        Assert.Equal(ImportTurn.MostRows, await TurnAsync(api, import));
        Assert.Equal("200/0/1/0/50", Counts(await ReadAsync(api.Acme, import)));
        var done = await FinishAsync(api, api.Acme, import);
        Assert.Equal("250/0/1/0/0", Counts(done));
        Assert.Equal("done", done["status"]!.ToString());
        Assert.Equal(0, (int)done["active"]!);
        Assert.NotNull(done["finishedAt"]);
        Assert.Contains(OrderState.PendingDns, api.Wakes);
        var before = await FootprintAsync();

        var again = await FinishAsync(api, api.Acme, await TakeInAsync(api.Acme, file));
        Assert.Equal("0/250/1/0/0", Counts(again));
        Assert.Equal(before, await FootprintAsync());
        var row = (await RowsAsync(api.Acme, Guid.Parse(again["id"]!.ToString())))[0];
        var domain = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{row["domain"]}"));
        Assert.Equal(names[0], domain["hostname"]!.ToString());
        await using var db = api.Open();
        Assert.True(await db.Orders.Where(order => names.Contains(order.Hostname)).AllAsync(order => order.InBulk));
    }

    [Fact]
    public async Task The_same_Idempotency_Key_gets_the_same_import()
    {
        var file = Csv(Names("key", 3));
        var first = await SendAsync(api.Acme, file, key: "an-import");
        var second = await SendAsync(api.Acme, file, key: "an-import");
        Assert.Equal(
            (HttpStatusCode.Accepted, HttpStatusCode.Accepted), (first.StatusCode, second.StatusCode));
        Assert.Equal(
            await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        await ProblemAsync(
            await SendAsync(api.Acme, file + "x.example.com\n", key: "an-import"), 422, "idempotency-key-reused");
        // More than any other route takes.
        var longer = Csv(Names("long", 3)) + new string('\n', 500_000);
        Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(api.Acme, longer, key: "a-long-one")).StatusCode);
        await CancelAllAsync();
    }

    [Fact]
    public async Task Each_row_says_what_became_of_it()
    {
        await api.RegisterAsync("mine.example.com");
        await api.RegisterAsync("theirs.example.com", api.Globex);
        var import = await TakeInAsync(
            api.Acme,
            """
            hostname,keyAlgorithm,tenant
            new.example.com,,
            mine.example.com,,
            mine.example.com,rsa2048,
            theirs.example.com,,
            https://url.example.com/,,
            other.example.com,,globex
            new.example.com,,
            """);
        await FinishAsync(api, api.Acme, import);
        var rows = await RowsAsync(api.Acme, import);
        Assert.Equal(
            [
                "2 registered ", "3 unchanged ", "4 refused import-row-contradicts", "5 registered ",
                "6 refused hostname-url", "7 refused tenant-not-allowed", "8 unchanged ",
            ],
            rows.Select(row => $"{row["line"]} {row["outcome"]} {row["problem"]?["reason"]}"));
        Assert.Equal("2", rows[6]["sameAs"]!.ToString());
        Assert.Equal("Send url.example.com", rows[4]["problem"]!["fix"]![0]!["text"]!.ToString());
        Assert.Equal(3, (await RowsAsync(api.Acme, import, "&outcome=refused")).Count);
        await ProblemAsync(await api.Acme.GetAsync($"/v1/imports/{import}/rows?outcome=x"), 400, "invalid-field");

        var second = await TakeInAsync(api.Acme, "hostname,keyAlgorithm\nmine.example.com,rsa2048\n");
        await FinishAsync(api, api.Acme, second);
        var differs = Assert.Single(await RowsAsync(api.Acme, second));
        Assert.Equal("already-registered", differs["problem"]!["reason"]!.ToString());
        Assert.Contains("keyAlgorithm", differs["problem"]!["detail"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(rows[1]["domain"]!.ToString(), differs["domain"]!.ToString());
    }

    [Fact]
    public async Task Two_workers_register_each_name_once()
    {
        var names = Names("workers", 120);
        var import = await TakeInAsync(api.Acme, Csv(names));
        await Task.WhenAll(TurnAsync(api, import), TurnAsync(api, import));
        Assert.Equal("120/0/0/0/0", Counts(await FinishAsync(api, api.Acme, import)));
        await using var db = api.Open();
        Assert.Equal(120, await db.Orders.CountAsync(order => names.Contains(order.Hostname)));
        Assert.Equal(
            120,
            await db.Events.CountAsync(told => told.Type == EventTypes.DomainRegistered
                && db.Domains.Any(domain => domain.Id == told.DomainId && names.Contains(domain.Hostname))));
    }

    [Fact]
    public async Task A_row_that_is_locked_by_a_worker_that_died_is_left_as_it_was()
    {
        var import = await TakeInAsync(api.Acme, Csv(["dead.example.com", "alive.example.com"]));
        await using (var died = api.Open())
        {
            await using var transaction = await died.Database.BeginTransactionAsync();
            await died.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM import_rows WHERE import_id = {import} AND line = 2 FOR UPDATE");
            Assert.Equal(1, await TurnAsync(api, import));
            Assert.Equal("1/0/0/0/1", Counts(await ReadAsync(api.Acme, import)));
            Assert.Equal("running", (await ReadAsync(api.Acme, import))["status"]!.ToString());
        }

        Assert.Equal("2/0/0/0/0", Counts(await FinishAsync(api, api.Acme, import)));
    }

    [Fact]
    public async Task A_row_that_keeps_surprising_is_refused_and_the_others_do_not_wait()
    {
        var import = await TakeInAsync(api.Acme, Csv(["surprise.example.com", "plain.example.com"]));
        await using (var db = api.Open())
        {
            await db.ImportRows.Where(row => row.ImportId == import && row.Line == 2)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.Request, "not a registration"));
        }

        Assert.Equal("1/0/1/0/0", Counts(await FinishAsync(api, api.Acme, import)));
        Assert.Equal(
            "unexpected", (await RowsAsync(api.Acme, import, "&outcome=refused"))[0]["problem"]!["reason"]!.ToString());
    }

    [Fact]
    public async Task A_surprise_ends_the_turn_and_costs_the_row_one_attempt()
    {
        var import = await TakeInAsync(api.Acme, Csv(["alone.example.com"]));
        await using var db = api.Open();
        await db.ImportRows.Where(row => row.ImportId == import)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.Request, "not a registration"));
        Assert.Equal(new ImportTurnEnd(0, Surprised: true), await RunAsync(api, import));
        var row = await db.ImportRows.AsNoTracking().SingleAsync(one => one.ImportId == import);
        Assert.Equal((1, ImportOutcome.Pending), (row.Attempts, row.Outcome));
        Assert.Equal("0/0/1/0/0", Counts(await FinishAsync(api, api.Acme, import)));
    }

    [Fact]
    public async Task A_name_that_is_bought_for_is_not_the_same_as_one_to_be_adopted()
    {
        const string Names = "hostname,adopt\nbought.example.com,{0}\nadopted.example.com,true\n";
        Assert.Equal("2/0/0/0/0", Counts(await SendOnceAsync("")));
        var again = await SendOnceAsync("true");
        Assert.Equal("0/1/1/0/0", Counts(again));
        var refused = Assert.Single(
            await RowsAsync(api.Support, Guid.Parse(again["id"]!.ToString()), "&outcome=refused"));
        Assert.Equal("bought.example.com", refused["hostname"]!.ToString());
        Assert.Contains(
            "registered without adopt", refused["problem"]!["detail"]!.ToString(), StringComparison.Ordinal);

        async Task<JsonNode> SendOnceAsync(string adopt) => await FinishAsync(
            api, api.Support, await TakeInAsync(
                api.Support, Names.Replace("{0}", adopt, StringComparison.Ordinal), "?tenant=acme"));
    }

    [Fact]
    public async Task Canceling_stops_what_has_not_begun_and_domains_stay()
    {
        var import = await TakeInAsync(api.Acme, Csv(Names("cancel", 201)));
        await TurnAsync(api, import);
        var canceled = await ReadAsync(await api.Acme.PostAsync($"/v1/imports/{import}/cancel", null));
        Assert.Equal("canceled", canceled["status"]!.ToString());
        Assert.Equal("200/0/0/1/0", Counts(canceled));
        Assert.Equal(0, await TurnAsync(api, import));
        var again = await ReadAsync(await api.Acme.PostAsync($"/v1/imports/{import}/cancel", null));
        Assert.Equal(canceled.ToJsonString(), again.ToJsonString());
        Assert.Equal("canceled", Assert.Single(await RowsAsync(api.Acme, import, "&outcome=canceled"))["outcome"]!
            .ToString());
    }

    [Fact]
    public async Task A_walk_through_the_list_misses_nothing_while_names_come_in()
    {
        foreach (var name in Names("walk", 30))
        {
            await api.RegisterAsync(name);
        }

        await using var db = api.Open();
        var before = await db.Domains.Where(row => row.Hostname.EndsWith(".walk.example.com"))
            .Select(row => row.Id.ToString()).ToListAsync();
        var import = await TakeInAsync(api.Acme, Csv(Names("walkers", 200)));
        var coming = TurnAsync(api, import);
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await ReadAsync(await api.Acme.GetAsync(
                $"/v1/domains?limit=7{(cursor is null ? "" : $"&cursor={cursor}")}"));
            seen.AddRange(page["items"]!.AsArray().Select(domain => domain!["id"]!.ToString()));
            cursor = page["nextCursor"]?.ToString();
        }
        while (cursor is not null);

        await coming;
        Assert.Empty(before.Except(seen));
        Assert.Equal(seen.Count, seen.Distinct().Count());
    }

    [Fact]
    public async Task An_operator_says_for_whom_once_or_in_each_row()
    {
        await api.RegisterAsync("first-of-its-fleet.example.com");
        var fleet = (await ReadAsync(await api.Admin.GetAsync("/v1/fleets")))["items"]![0]!;
        var file = "hostname,tenant\nop1.example.com,\nop2.example.com,globex\nop3.example.com,nobody\n";
        var import = await TakeInAsync(api.Support, file, $"?tenant=acme&fleet={fleet["name"]}");
        var rows = await FinishAndListAsync(import);
        Assert.Equal(["registered", "registered", "refused"], rows.Select(row => row["outcome"]!.ToString()));
        Assert.Equal("acme", await TenantOfAsync(rows[0]));
        Assert.Equal("globex", await TenantOfAsync(rows[1]));
        Assert.Equal("tenant-unknown", rows[2]["problem"]!["reason"]!.ToString());
        Assert.Equal(HttpStatusCode.NotFound, (await api.Acme.GetAsync($"/v1/imports/{import}")).StatusCode);

        var nobody = await TakeInAsync(api.Admin, Csv(["op4.example.com"]));
        Assert.Equal(
            "tenant-required", Assert.Single(await FinishAndListAsync(nobody))["problem"]!["reason"]!.ToString());
        await ProblemAsync(await SendAsync(api.Support, file, query: "?tenant=nobody"), 400, "tenant-unknown");
        await ProblemAsync(await SendAsync(api.Support, file, query: "?fleet=nowhere"), 400, "fleet-unknown");
        await ProblemAsync(await SendAsync(api.Acme, file, query: "?tenant=acme"), 400, "tenant-not-allowed");
        await ProblemAsync(await SendAsync(api.Acme, file, query: "?fleet=local"), 400, "fleet-not-allowed");

        async Task<IReadOnlyList<JsonNode>> FinishAndListAsync(Guid id)
        {
            await FinishAsync(api, api.Admin, id);
            return await RowsAsync(api.Admin, id);
        }

        async Task<string> TenantOfAsync(JsonNode row) =>
            (await ReadAsync(await api.Admin.GetAsync($"/v1/domains/{row["domain"]}")))["tenant"]!.ToString();
    }

    [Theory]
    [InlineData("application/json", "{}", 415, "import-content-type")]
    [InlineData("text/csv; charset=iso-8859-1", "hostname\n", 415, "import-content-type")]
    [InlineData("text/csv; charset=UTF-8", "hostname\n", 400, "import-empty")]
    [InlineData("application/x-ndjson", "hostname\n", 400, "import-unreadable")]
    public async Task A_file_that_is_none_is_refused(string type, string file, int status, string reason) =>
        await ProblemAsync(await SendAsync(api.Acme, file, type), status, reason);

    [Fact]
    public async Task What_came_to_its_end_a_month_ago_is_forgotten()
    {
        var old = await TakeInAsync(api.Globex, Csv(["old.example.com"]));
        await FinishAsync(api, api.Globex, old);
        var running = await TakeInAsync(api.Globex, Csv(["running.example.com"]));
        var sweep = new ImportSweep(
            api.Services.GetRequiredService<IDbContextFactory<ControlPlane.Database.ControlPlaneDb>>(),
            new LaterClock(api.Clock.GetUtcNow() + Import.Kept + TimeSpan.FromMinutes(1)));
        await sweep.RunAsync(default);
        Assert.Equal(HttpStatusCode.NotFound, (await api.Globex.GetAsync($"/v1/imports/{old}")).StatusCode);
        Assert.Equal("0/0/0/0/1", Counts(await ReadAsync(api.Globex, running)));
        await using var db = api.Open();
        Assert.False(await db.ImportRows.AnyAsync(row => row.ImportId == old));
        Assert.True(await db.Domains.AnyAsync(row => row.Hostname == "old.example.com"));
        Assert.Contains(
            $"{running}",
            (await ReadAsync(await api.Globex.GetAsync("/v1/imports")))["items"]!.AsArray().Select(i => $"{i!["id"]}"));
    }

    private static List<string> Names(string word, int count) =>
        [.. Enumerable.Range(0, count).Select(n => $"n{n}.{word}.example.com")];

    /// <summary>Everything that a repeat must leave as it is.</summary>
    private async Task<string> FootprintAsync()
    {
        await using var db = api.Open();
        return $"{await db.Domains.CountAsync()} {await db.Orders.MaxAsync(row => row.Sequence)} "
            + $"{await db.Orders.SumAsync(row => row.Nudges)} {await db.Events.MaxAsync(row => row.Id)}";
    }

    private async Task CancelAllAsync()
    {
        foreach (var import in (await ReadAsync(await api.Acme.GetAsync("/v1/imports?limit=200")))["items"]!.AsArray())
        {
            await api.Acme.PostAsync($"/v1/imports/{import!["id"]}/cancel", null);
        }
    }

    private sealed class LaterClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
