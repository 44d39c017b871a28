using System.Net.Http.Json;
using System.Security.Cryptography;
using ControlPlane.Adoptions;
using ControlPlane.Tests.Imports;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Http.OpenApi;

/// <summary>What a path parameter names.</summary>
/// <param name="IsTenants">True when it belongs to one tenant and other tenants' portals must not see it.</param>
/// <param name="MakeAsync">Makes a new one, of the tenant acme when it is a tenant's, given the values of the
/// parameters before it, and returns its value.</param>
internal sealed record PathThing(bool IsTenants, Func<ApiFixture, IReadOnlyList<string>, Task<string>> MakeAsync);

/// <summary>
/// What stands for each path parameter in tests that are made from the document. A parameter that is not here fails
/// them: whoever adds a route says here what its parameter names and whose it is.
/// </summary>
internal static class PathThings
{
    private static readonly IReadOnlyDictionary<string, PathThing> All = new Dictionary<string, PathThing>
    {
        ["/v1/domains/{id}"] = new(IsTenants: true, async (api, _) =>
            (await api.RegisterAsync($"d{Guid.NewGuid():N}"[..20] + ".example.com")).ToString()),
        ["/v1/nodes/{node}"] = new(IsTenants: false, async (api, _) =>
            (await api.EnrolAsync($"n{Guid.NewGuid():N}"[..20])).Id.ToString()),
        ["/v1/fleets/{fleet}"] = new(IsTenants: false, async (api, _) => (await ApiFixture.ReadAsync(
            await api.Admin.GetAsync("/v1/fleets")))["items"]![0]!["id"]!.ToString()),
        ["/v1/tenants/{tenant}"] = new(IsTenants: false, async (api, _) => (await ApiFixture.ReadAsync(
            await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = $"t{Guid.NewGuid():N}" })))["id"]!.ToString()),
        ["/v1/tenants/{tenant}/keys/{key}"] = new(IsTenants: false, async (api, earlier) =>
            (await ApiFixture.ReadAsync(await api.Admin.PostAsJsonAsync(
                $"/v1/tenants/{earlier[0]}/keys", new { name = "a key" })))["key"]!["id"]!.ToString()),
        ["/v1/webhooks/{id}"] = new(IsTenants: true, async (api, _) => (await MakeWebhookAsync(api)).ToString()),
        ["/v1/webhooks/{id}/secrets/{secret}"] = new(IsTenants: true, async (api, earlier) =>
        {
            await using var db = api.Open();
            var id = Guid.TryParse(earlier[0], out var webhook) ? webhook : Guid.Empty;
            return (await db.WebhookSecrets.OrderBy(row => row.Id).FirstAsync(row => row.WebhookId == id))
                .Id.ToString();
        }),
        ["/v1/webhooks/{id}/deliveries/{delivery}"] = new(IsTenants: true, async (api, earlier) =>
            (await ApiFixture.ReadAsync(await api.Acme.PostAsync($"/v1/webhooks/{earlier[0]}/test", null)))["id"]!
                .ToString()),
        ["/v1/imports/{id}"] = new(IsTenants: true, async (api, _) => (await MakeImportAsync(api)).ToString()),
        ["/v1/campaigns/{id}"] = new(IsTenants: false, async (api, _) => (await ApiFixture.ReadAsync(
            await api.Admin.PostAsJsonAsync("/v1/campaigns", new
            {
                reason = "Tests.",
                deadline = api.Clock.GetUtcNow().AddHours(1),
                filter = new { hostnames = new[] { "nobody.example.com" } },
            })))["id"]!.ToString()),
        ["/v1/adoptions/{adoption}"] = new(IsTenants: false, (api, _) => MakeAdoptionAsync(api)),
        ["/problems/{code}"] = new(IsTenants: false, (_, _) => Task.FromResult("not-found")),
        ["/reasons/{code}"] = new(IsTenants: false, (_, _) => Task.FromResult("dns-not-there")),
    };

    /// <summary>A webhook of acme with two secrets. A tenant may have ten, and tests need more.</summary>
    private static async Task<Guid> MakeWebhookAsync(ApiFixture api)
    {
        await using var db = api.Open();
        await db.Webhooks.ExecuteDeleteAsync();
        var made = (await ApiFixture.ReadAsync(await api.Acme.PostAsJsonAsync(
            "/v1/webhooks", new { url = "https://hooks.example.com/" })))["webhook"]!["id"]!.ToString();
        await api.Acme.PostAsync($"/v1/webhooks/{made}/secrets", null);
        return Guid.Parse(made);
    }

    /// <summary>An import of acme. A tenant may have four under way, and tests need more.</summary>
    private static async Task<Guid> MakeImportAsync(ApiFixture api)
    {
        await using var db = api.Open();
        await db.Imports.ExecuteDeleteAsync();
        return await ImportFiles.TakeInAsync(api.Acme, ImportFiles.Csv([$"i{Guid.NewGuid():N}.example.com"]));
    }

    /// <summary>Without the API: there is no vault here to make its key.</summary>
    private static async Task<string> MakeAdoptionAsync(ApiFixture api)
    {
        await using var db = api.Open();
        var adoption = new Adoption
        {
            Id = Guid.NewGuid(),
            FleetId = (await db.Fleets.OrderBy(row => row.Id).FirstAsync()).Id,
            CodeHash = RandomNumberGenerator.GetBytes(32),
            KeyId = Guid.NewGuid(),
            PublicKey = [0],
            CreatedAt = DateTimeOffset.UnixEpoch,
            ExpiresAt = DateTimeOffset.UnixEpoch,
        };
        db.Add(adoption);
        await db.SaveChangesAsync();
        return adoption.Id.ToString();
    }

    public static PathThing Of(string parameter) => All.TryGetValue(parameter, out var thing)
        ? thing
        : throw new InvalidOperationException(
            $"Nobody said what the path parameter at the end of {parameter} names. Add [\"{parameter}\"] to "
            + $"{nameof(PathThings)}: how to make a new one, of the tenant acme if it is a tenant's, and whether it "
            + "is.");

    /// <summary>The operation's path with new things in it.</summary>
    public static async Task<string> FillAsync(ApiFixture api, ApiOperation operation)
    {
        var values = new List<string>();
        foreach (var parameter in operation.Parameters)
        {
            values.Add(await Of(parameter).MakeAsync(api, values));
        }

        return operation.At(values);
    }
}
