using System.Security.Cryptography;

namespace ControlPlane.Vault;

/// <summary>
/// Wraps and unwraps once before the program serves. A key that answers "no" (unknown, disabled, forbidden) ends the
/// start; one that is merely away does not, because everything that needs no key can be served meanwhile.
/// </summary>
internal sealed partial class KeyRingProof(KeyRing ring, ILogger<KeyRingProof> log) : IHostedService
{
    /// <exception cref="VaultException">The wrapping key does not work.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var probe = RandomNumberGenerator.GetBytes(AesGcmBox.KeyBytes);
        try
        {
            var wrapped = await ring.WrapAsync(probe, cancellationToken);
            var back = await ring.UnwrapAsync(ring.Id, wrapped, cancellationToken);
            if (!CryptographicOperations.FixedTimeEquals(probe, back))
            {
                throw new VaultException($"{ring.Id} does not give back what it wrapped.");
            }

            LogHeld(ring.Id, ring.Ids.Count);
        }
        catch (VaultException away) when (away.IsAway)
        {
            LogAway(away, ring.Id);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "The vault wraps under {Key} and holds {Count} keys")]
    private partial void LogHeld(string key, int count);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The key-encryption key {Key} cannot be reached: no key is sealed or opened until it can")]
    private partial void LogAway(Exception fault, string key);
}
