using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Vault;
using Npgsql;

namespace ControlPlane.Tests.Vault;

/// <summary>
/// Everything a thief of the database has: each value of each row of each table, in binary and as COPY writes it. He
/// knows this program's source, and tries what it allows. He is a stand-in for better ones, but the searches below
/// find anything that is planted, which the tests show.
/// </summary>
internal sealed class StolenDump
{
    private readonly List<byte[]> _values = [];
    private readonly StringBuilder _text = new();

    public int Tables { get; private set; }

    public static async Task<StolenDump> TakeAsync(NpgsqlDataSource database)
    {
        var dump = new StolenDump();
        await using var connection = await database.OpenConnectionAsync();
        List<string> tables = [];
        await using (var list = new NpgsqlCommand(
            """
            SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
            """,
            connection))
        await using (var names = await list.ExecuteReaderAsync())
        {
            while (await names.ReadAsync())
            {
                tables.Add(names.GetString(0));
            }
        }

        foreach (var table in tables)
        {
            await dump.ReadAsync(connection, table);
        }

        dump.Tables = tables.Count;
        return dump;
    }

    public void Plant(byte[] value) => _values.Add(value);

    public void Plant(string text) => _text.AppendLine(text);

    /// <summary>True when the bytes are there: as they are, in hex, or in base64 at any alignment.</summary>
    public bool Shows(byte[] secret)
    {
        var text = _text.ToString();
        return _values.Any(value => value.AsSpan().IndexOf(secret) >= 0)
            || text.Contains(Convert.ToHexString(secret), StringComparison.OrdinalIgnoreCase)
            || Enumerable.Range(0, 3).Any(shift =>
            {
                // Without the characters that also depend on what stands before and behind.
                var inner = Convert.ToBase64String([.. new byte[shift], .. secret]).TrimEnd('=')[(shift + 1)..^2];
                return text.Contains(inner, StringComparison.Ordinal)
                    || text.Contains(inner.Replace('+', '-').Replace('/', '_'), StringComparison.Ordinal);
            });
    }

    /// <summary>Values that are a private key as they stand, or after hex or base64.</summary>
    public int PrivateKeys() => Decoded().Count(value =>
        Imports(() => ECDsa.Create(), value, (key, bytes) => key.ImportPkcs8PrivateKey(bytes, out _))
        || Imports(() => ECDsa.Create(), value, (key, bytes) => key.ImportECPrivateKey(bytes, out _))
        || Imports(RSA.Create, value, (key, bytes) => key.ImportPkcs8PrivateKey(bytes, out _))
        || Imports(RSA.Create, value, (key, bytes) => key.ImportRSAPrivateKey(bytes, out _))
        || Encoding.Latin1.GetString(value).Contains("PRIVATE KEY", StringComparison.Ordinal));

    /// <summary>How many wraps and payloads open under anything that is in the dump: whole values, their hashes, and
    /// every 32 bytes in a row of what is in the vault.</summary>
    public int Opens(IReadOnlyCollection<VaultKey> rows)
    {
        var keys = Decoded().SelectMany(value => new[] { SHA256.HashData(value) }
                .Concat(value.Length >= 32 ? [value[..32], value[^32..]] : []))
            .Concat(rows.SelectMany(row => Windows([.. row.Nonce, .. row.WrappedKey, .. row.PublicKeyHash])))
            .DistinctBy(Convert.ToHexString).ToList();
        return rows.Sum(row => keys.Count(key => Opens(key, row)));
    }

    private static IEnumerable<byte[]> Windows(byte[] value) =>
        Enumerable.Range(0, value.Length - 31).Select(at => value[at..(at + 32)]);

    private static bool Opens(byte[] key, VaultKey row)
    {
        byte[] bound =
        [
            .. "vault v1"u8, .. row.DomainId.ToByteArray(), .. row.OrderId.ToByteArray(), .. row.Id.ToByteArray(),
            .. row.PublicKeyHash,
        ];
        return Decrypts(key, row.Nonce, row.Ciphertext, bound)
            || Decrypts(key, row.WrappedKey[..12], row.WrappedKey[12..], Encoding.UTF8.GetBytes(row.KekId));
    }

    private static bool Decrypts(byte[] key, byte[] nonce, byte[] box, byte[] bound)
    {
        try
        {
            AesGcmBox.Open(key, nonce, box, bound);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static bool Imports<T>(Func<T> make, byte[] value, Action<T, byte[]> import)
        where T : AsymmetricAlgorithm
    {
        // All DER begins so; anything else would only be slower to refuse.
        if (value is not [0x30, ..])
        {
            return false;
        }

        using var key = make();
        try
        {
            import(key, value);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private IEnumerable<byte[]> Decoded()
    {
        foreach (var value in _values)
        {
            yield return value;
            if (value.Length is > 0 and <= 8_192 && value.All(b => char.IsAscii((char)b)))
            {
                if (value.Length % 2 == 0 && value.All(b => char.IsAsciiHexDigit((char)b)))
                {
                    yield return Convert.FromHexString(Encoding.ASCII.GetString(value));
                }

                var decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(value.Length)];
                if (Base64.DecodeFromUtf8(value, decoded, out _, out var length) == System.Buffers.OperationStatus.Done)
                {
                    yield return decoded[..length];
                }
            }
        }
    }

    private async Task ReadAsync(NpgsqlConnection connection, string table)
    {
        await using (var select = new NpgsqlCommand($"SELECT * FROM {table}", connection))
        await using (var reader = await select.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                for (var column = 0; column < reader.FieldCount; column++)
                {
                    _values.AddRange(reader.GetValue(column) switch
                    {
                        byte[] bytes => [bytes],
                        byte[][] many => many,
                        DBNull => [],
                        var other => [Encoding.UTF8.GetBytes($"{other}")],
                    });
                }
            }
        }

        using var copy = await connection.BeginTextExportAsync($"COPY {table} TO STDOUT");
        _text.AppendLine(await copy.ReadToEndAsync());
    }
}
