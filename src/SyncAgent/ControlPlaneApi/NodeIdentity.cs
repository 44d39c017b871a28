using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.Contracts;
using SyncAgent.Local;

namespace SyncAgent.ControlPlaneApi;

/// <summary>What the control plane said the node is.</summary>
internal sealed record NodeCard(Guid Node, Guid Fleet, string FleetName, string Name);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(NodeCard))]
internal sealed partial class NodeCardJson : JsonSerializerContext;

/// <summary>
/// The node's two private keys, made here and never sent. A type that holds keys: it prints its id only.
/// </summary>
internal sealed class NodeIdentity(NodeCard card, ECDsa signing, ECDiffieHellman sealing) : IDisposable
{
    public NodeCard Card => card;

    public ECDsa Signing => signing;

    public ECDiffieHellman Sealing => sealing;

    public string SigningKeyId { get; } = NodeKeys.IdOf(signing.ExportSubjectPublicKeyInfo());

    public string SealingKeyId { get; } = NodeKeys.IdOf(sealing.ExportSubjectPublicKeyInfo());

    /// <returns>null when the node is not enrolled.</returns>
    public static NodeIdentity? TryLoad(StateDirectory state)
    {
        if (!File.Exists(state.IdentityFile))
        {
            return null;
        }

        var card = JsonSerializer.Deserialize(File.ReadAllBytes(state.IdentityFile), NodeCardJson.Default.NodeCard)!;
        var (signing, sealing) = LoadKeys(state) ?? throw new InvalidOperationException(
            $"{state.IdentityFile} exists and its keys do not. Enrol the node again with a new join code.");
        return new NodeIdentity(card, signing, sealing);
    }

    /// <summary>The node's keys, made on first use. On disk before anyone hears of them, so that an enrolment whose
    /// answer was lost is repeated with the same keys.</summary>
    public static (ECDsa Signing, ECDiffieHellman Sealing) LoadOrMakeKeys(StateDirectory state)
    {
        if (LoadKeys(state) is { } keys)
        {
            return keys;
        }

        var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var sealing = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        Write(state.SigningKeyFile, signing.ExportPkcs8PrivateKey());
        Write(state.SealingKeyFile, sealing.ExportPkcs8PrivateKey());
        return (signing, sealing);
    }

    public static NodeIdentity Save(StateDirectory state, NodeCard card, ECDsa signing, ECDiffieHellman sealing)
    {
        FileSystem.Replace(
            state.IdentityFile, JsonSerializer.SerializeToUtf8Bytes(card, NodeCardJson.Default.NodeCard));
        return new NodeIdentity(card, signing, sealing);
    }

    public void Dispose()
    {
        signing.Dispose();
        sealing.Dispose();
    }

    public override string ToString() => $"node {card.Node} ({card.Name})";

    private static (ECDsa Signing, ECDiffieHellman Sealing)? LoadKeys(StateDirectory state)
    {
        if (!File.Exists(state.SigningKeyFile) || !File.Exists(state.SealingKeyFile))
        {
            return null;
        }

        var signing = ECDsa.Create();
        var sealing = ECDiffieHellman.Create();
        Read(state.SigningKeyFile, signing);
        Read(state.SealingKeyFile, sealing);
        return (signing, sealing);
    }

    private static void Write(string path, byte[] pkcs8)
    {
        FileSystem.Replace(path, pkcs8);
        CryptographicOperations.ZeroMemory(pkcs8);
    }

    private static void Read(string path, AsymmetricAlgorithm key)
    {
        var pkcs8 = File.ReadAllBytes(path);
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        CryptographicOperations.ZeroMemory(pkcs8);
    }
}
