namespace ControlPlane.TokenStore;

/// <summary>Registers the token store: a directory that is shared with every node, from
/// <c>TokenStore:Directory</c>.</summary>
internal static class TokenStoreSetup
{
    public static void AddTokenStore(this WebApplicationBuilder builder)
    {
        var directory = builder.Configuration["TokenStore:Directory"]
            ?? throw new InvalidOperationException(
                "No token store is configured. Set TokenStore__Directory to a directory that every node's agent can "
                + "read.");
        Directory.CreateDirectory(directory);
        builder.Services.AddSingleton<ITokenStore>(new SharedDirectory(Path.GetFullPath(directory)));
    }
}
