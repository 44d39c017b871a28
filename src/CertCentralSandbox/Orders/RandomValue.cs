using System.Security.Cryptography;

namespace CertCentralSandbox.Orders;

/// <summary>The value a customer must show: 32 lower-case alphanumerics, good for 30 days (BR 3.2.2.4.18).</summary>
internal static class RandomValue
{
    public static readonly TimeSpan Life = TimeSpan.FromDays(30);

    public static string Create() => RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 32);

    public static ControlValidation Open(string method, DateTimeOffset now) => new()
    {
        Method = method,
        RandomValue = Create(),
        RandomValueExpiresAt = now + Life,
        StartedAt = now,
    };
}
