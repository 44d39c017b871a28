using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web;

/// <summary>The account: its user, organization, products and AuthKey.</summary>
internal static class AccountRoutes
{
    private static readonly object Organization = new
    {
        Id = 117_001,
        Status = "active",
        Name = "Sandbox Customer (fictitious)",
        DisplayName = "Sandbox Customer (fictitious)",
        IsActive = true,
        City = "Nowhere",
        Country = "us",
    };

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/user/me", () => Json.Ok(new
        {
            Id = 1001,
            Username = "api@example.test",
            AccountId = 4_711_000,
            FirstName = "Api",
            LastName = "User",
            Email = "api@example.test",
            Status = "active",
            AccessRoles = new[] { new { Id = 1, Name = "Administrator" } },
            Container = new { Id = 5, Name = "Main" },
        }));
        api.MapGet("/organization", () => Json.Ok(new
        {
            Organizations = new[] { Organization },
            Page = new { Total = 1, Limit = 1000, Offset = 0 },
        }));
        api.MapGet("/product", () => Json.Ok(new { Products = Product.All.Select(View) }));
        api.MapGet("/product/{nameId}", (string nameId) =>
            Product.Find(nameId) is { } product ? Json.Ok(View(product)) : ApiError.NotFound("product"));
        api.MapPost("/account/auth-key", (Account account) => Create(account, null));
        api.MapPost("/account/auth-key/{days:int:range(1,3650)}", (int days, Account account) => Create(account, days));
    }

    private static IResult Create(Account account, int? days) =>
        account.CreateAuthKey(days) is { } key
            ? Json.Ok(new { AuthKeyId = key.Id, AuthKey = key.Key, ExpirationDatetime = key.DateExpires })
            : ApiError.Invalid("auth_key_exists_for_account", "The account has an AuthKey.");

    private static object View(Product product) => new
    {
        product.NameId,
        product.Name,
        product.Type,
        product.ValidationType,
        ValidationDescription = "Domain Validation",
        GroupName = product.Type,
        AllowedHashTypes = new[] { "sha256", "sha384", "sha512" },
        SignatureHashTypes = new { DefaultHashTypeId = "sha256" },
        AllowedValidityYears = new[] { 1 },
        MaxValidityDays = Issuing.LeafProfile.MaxDays,
        CsrRequired = true,
        AdditionalDnsNamesAllowed = product.MaxNames > 1,
    };
}
