using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using ControlPlane.Drills;

namespace CertCentralSandbox.Web;

/// <summary>What the real CA does not have: the front page, the trust anchor, faults, statistics and the clock. No key
/// and no quota, so that tests can steer while the API refuses.</summary>
internal static class SandboxRoutes
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/", FrontPage.Answer);
        app.MapGet("/sandbox/root.pem", (Authority ca) =>
            Results.Text(ca.Root.ExportCertificatePem() + "\n", "application/x-pem-file"));
        app.MapGet("/sandbox/intermediate.crt", (Authority ca) =>
            Results.Bytes(ca.Intermediate.Export(X509ContentType.Cert), "application/pkix-cert"));
        app.MapGet("/sandbox/revoked.crl", (RevocationList list) =>
            Results.Bytes(list.Build(), "application/pkix-crl"));
        app.MapGet("/sandbox/stats", Stats);
        app.MapGet("/sandbox/clock", (SandboxClock clock, TimeProvider wall) => Clock(clock, wall));
        app.MapPost("/sandbox/clock", Advance);
        app.MapGet("/sandbox/faults", (FaultBoard faults) => Show(faults));
        app.MapDelete("/sandbox/faults", (FaultBoard faults) =>
            Set(new Dictionary<Fault, FaultSetting>(), faults, resetOthers: true));
        app.MapPut("/sandbox/faults", (HttpRequest request, FaultBoard faults) => SetAsync(request, faults, true));
        app.MapPatch("/sandbox/faults", (HttpRequest request, FaultBoard faults) => SetAsync(request, faults, false));
    }

    private static IResult Stats(Statistics statistics, OrderBook book)
    {
        var orders = book.All.ToList();
        return Results.Json(new
        {
            calls = statistics.Read(),
            orders = new
            {
                total = orders.Count,
                live = orders.Count(o => o.IsLive),
                byStatus = orders.GroupBy(o => o.Status).ToDictionary(g => g.Key, g => g.Count()),
                byCommonName = orders.GroupBy(o => o.Primary.CommonName)
                    .OrderBy(g => g.Key, StringComparer.Ordinal)
                    .ToDictionary(g => g.Key, g => new { total = g.Count(), live = g.Count(o => o.IsLive) }),
            },
            certificatesIssued = orders.Sum(o => o.Certificates.Count(c => c.Issued is not null)),
        });
    }

    private static IResult Clock(SandboxClock clock, TimeProvider wall) => Results.Json(new
    {
        wall = wall.GetUtcNow(),
        sandbox = clock.Now,
        factor = clock.Factor,
        about = "POST {\"advance\":\"20m\"} moves polling, random values and delays; certificates stay on the wall.",
    });

    private static async Task<IResult> Advance(HttpRequest request, SandboxClock clock, TimeProvider wall)
    {
        if ((await Form.ReadAsync(request, request.HttpContext.RequestAborted))?.Text("advance") is not { } text
            || !Durations.TryParse(text, out var by) || by < TimeSpan.Zero || by > TimeSpan.FromDays(3650))
        {
            return Results.BadRequest(new { error = "Send {\"advance\":\"20m\"}: ms, s, m, h or d; never backwards." });
        }

        clock.Advance(by);
        return Clock(clock, wall);
    }

    private static IResult Show(FaultBoard faults) => Results.Json(
        faults.Read().ToDictionary(
            f => JsonNamingPolicy.CamelCase.ConvertName(f.Switch.Fault.ToString()),
            f => new { f.Switch.About, f.Switch.Default, f.Now, f.Fired }),
        JsonSerializerOptions.Web);

    private static async Task<IResult> SetAsync(HttpRequest request, FaultBoard faults, bool resetOthers)
    {
        try
        {
            var asked = await JsonSerializer.DeserializeAsync<Dictionary<string, JsonElement>>(
                request.Body, SentOptions, request.HttpContext.RequestAborted) ?? [];
            return Set(
                asked.ToDictionary(a => Named(a.Key), a => Setting(a.Value, faults.Default(Named(a.Key)))),
                faults,
                resetOthers);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return Results.BadRequest(new { error = e.Message, known = Enum.GetNames<Fault>() });
        }
    }

    private static IResult Set(IReadOnlyDictionary<Fault, FaultSetting> settings, FaultBoard faults, bool resetOthers)
    {
        faults.Set(settings, resetOthers);
        return Show(faults);
    }

    private static Fault Named(string name) =>
        Enum.TryParse<Fault>(name, ignoreCase: true, out var fault) && Enum.IsDefined(fault)
            ? fault
            : throw new FormatException($"There is no fault '{name}'.");

    /// <summary>Fields that are not sent keep the fault's default; naming a fault switches it on unless it says
    /// otherwise. <c>true</c> and <c>false</c> stand for a setting with nothing else in it.</summary>
    private static FaultSetting Setting(JsonElement json, FaultSetting fallback)
    {
        if (json.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return fallback with { On = json.GetBoolean() };
        }

        var sent = json.Deserialize<SentSetting>(SentOptions) ?? throw new FormatException("A setting is an object.");
        return new FaultSetting(
            sent.On ?? true,
            sent.Count ?? fallback.Count,
            sent.Probability ?? fallback.Probability,
            sent.HostnameSuffix ?? fallback.HostnameSuffix,
            sent.Route switch { null => fallback.Route, "*" => null, var route => route },
            sent.Value ?? fallback.Value,
            sent.Text ?? fallback.Text);
    }

    private static readonly JsonSerializerOptions SentOptions =
        new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    private sealed record SentSetting(
        bool? On, int? Count, double? Probability, string? HostnameSuffix, string? Route, double? Value, string? Text);
}
