using System.Text.Json;
using ControlPlane.Database;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>An account whose key is open.</summary>
internal sealed record OpenAccount(AccountKey Key, Uri Url);

/// <summary>
/// Makes the one account of a configuration, once, over all replicas: the row that names its key is unique, and a CA
/// knows an account by its key. So whoever comes second, or after a crash, finds the same account. Changing an
/// account's key (RFC 8555 §7.3.5) is not done here.
/// </summary>
internal sealed partial class AcmeAccounts(
    AcmeWire wire, AcmeOptions options, IDbContextFactory<ControlPlaneDb> databases, IVault vault, TimeProvider time,
    ILogger<AcmeAccounts> log) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private OpenAccount? _open;

    /// <summary>The account, made if there is none yet.</summary>
    /// <exception cref="CertificateAuthorityException">The CA refuses it, or does not answer.</exception>
    /// <exception cref="VaultException">Its key cannot be sealed or opened.</exception>
    public async Task<OpenAccount> OpenAsync(AcmeDirectory directory, CancellationToken ct)
    {
        if (Volatile.Read(ref _open) is { } known)
        {
            return known;
        }

        await _one.WaitAsync(ct);
        try
        {
            return _open ??= await FindOrMakeAsync(directory, ct);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The CA said that it does not know the account: the next call asks it anew, with the same key.</summary>
    public async Task ForgetAsync(OpenAccount account, CancellationToken ct)
    {
        var url = account.Url.AbsoluteUri;
        await using var db = await databases.CreateDbContextAsync(ct);
        await Rows(db).Where(row => row.Url == url).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.Url, (string?)null)
                .SetProperty(row => row.RegisteredAt, (DateTimeOffset?)null),
            ct);
        Interlocked.CompareExchange(ref _open, null, account);
        LogForgotten(options.Name, url);
    }

    public void Dispose()
    {
        _open?.Key.Dispose();
        _one.Dispose();
    }

    private async Task<OpenAccount> FindOrMakeAsync(AcmeDirectory directory, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await Rows(db).AsNoTracking().SingleOrDefaultAsync(ct) ?? await MakeKeyAsync(db, ct);
        var stored = (await vault.ReadAsync([row.KeyId], ct)).GetValueOrDefault(row.KeyId)
            ?? throw new VaultException($"The key of the account at {options.Name} is not in the vault.");
        using var opened = await vault.OpenAsync(stored, ct);
        var key = AccountKey.Open(opened);
        try
        {
            var url = row.Url is { } known ? new Uri(known) : await RegisterAsync(db, key, directory, ct);
            return new OpenAccount(key, url);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>Seals a fresh key and takes the row for it. Of two replicas one gets the row; the other's key is
    /// deleted again.</summary>
    private async Task<AcmeAccount> MakeKeyAsync(ControlPlaneDb db, CancellationToken ct)
    {
        var (key, toSeal) = AccountKey.Make();
        using var made = key;
        using var sealing = toSeal;
        // Of no domain and no order.
        var id = await vault.SealAsync(toSeal, Guid.Empty, Guid.Empty, ct);
        var taken = await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO acme_accounts (ca, directory, key_id, created_at)
             VALUES ({options.Name}, {options.Directory!.AbsoluteUri}, {id}, {time.NowStored()})
             ON CONFLICT (ca, directory) DO NOTHING
             """,
            ct);
        if (taken == 0)
        {
            await vault.DeleteAsync(id, ct);
        }

        return await Rows(db).AsNoTracking().SingleAsync(ct);
    }

    /// <summary>Asks for the account of our key before it makes one: another replica, or we before a crash, may have
    /// made it.</summary>
    private async Task<Uri> RegisterAsync(
        ControlPlaneDb db, AccountKey key, AcmeDirectory directory, CancellationToken ct)
    {
        var url = directory.NewAccount
            ?? throw AcmeProblems.NoAnswer(options.Name, AcmeRoute.Directory, "it names no newAccount");
        AcmeReply reply;
        try
        {
            reply = await PostAsync(new NewAccountBody { OnlyReturnExisting = true });
        }
        catch (CertificateAuthorityException none) when (none.Code == AcmeProblems.AccountDoesNotExist)
        {
            if (directory.Meta?.ExternalAccountRequired == true && options.EabKey.IsEmpty)
            {
                throw new CertificateAuthorityException(
                    CaFailure.CredentialRefused,
                    $"{options.Name} takes accounts only with an external one: set {AcmeOptions.Section}:"
                    + $"{options.Name}:{nameof(options.EabKeyId)} and {nameof(options.EabKey)}.",
                    "externalAccountRequired");
            }

            reply = await PostAsync(new NewAccountBody
            {
                TermsOfServiceAgreed = options.AgreeToTermsOfService,
                Contact = options.Contacts.Count > 0 ? options.Contacts : null,
                ExternalAccountBinding = options.EabKey.IsEmpty
                    ? null
                    : JsonElement.Parse(Jws.Bind(key, options.EabKeyId, options.EabKey.Reveal(), url)),
            });
        }

        var account = reply.Location
            ?? throw AcmeProblems.NoAnswer(options.Name, AcmeRoute.NewAccount, "it took an account without naming it");
        var now = time.NowStored();
        await Rows(db).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.Url, account.AbsoluteUri).SetProperty(row => row.RegisteredAt, now), ct);
        LogRegistered(options.Name, account.AbsoluteUri);
        return account;

        Task<AcmeReply> PostAsync(NewAccountBody body) => wire.PostAsync(
            new AcmeCall(
                AcmeRoute.NewAccount, url, JsonSerializer.SerializeToUtf8Bytes(body, AcmeJson.Default.NewAccountBody)),
            key, account: null, directory, ct);
    }

    private IQueryable<AcmeAccount> Rows(ControlPlaneDb db)
    {
        var directory = options.Directory!.AbsoluteUri;
        return db.AcmeAccounts.Where(row => row.Ca == options.Name && row.Directory == directory);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The account at {Ca} is {Account}")]
    private partial void LogRegistered(string ca, string account);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Ca} does not know its account {Account}: it is asked for anew")]
    private partial void LogForgotten(string ca, string account);
}
