using System.Net;
using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.Nodes.Enrolling;

/// <summary>
/// POST /v1/nodes/enroll: a join code, used up in the transaction that makes the node. The request's form is checked
/// first, so that a malformed one does not cost the code and every refusal of a code has one shape.
/// </summary>
internal static class EnrolNode
{
    private const string P256 = "1.2.840.10045.3.1.7";

    public static async Task<Results<Created<EnrolResponse>, Problem>> HandleAsync(
        EnrolRequest request, NpgsqlDataSource database, TimeProvider time, CancellationToken ct)
    {
        if (Faults(request) is { Count: > 0 } faults)
        {
            return Problems.InvalidField.With() with { Errors = faults };
        }

        if (JoinCodes.Hash(request.JoinCode) is not { } code)
        {
            return NodeProblems.JoinCodeRefused.With();
        }

        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await UseAsync(connection, code, now, ct) is not { } fleet)
        {
            // The first answer may have been lost: the same code with the same keys gets the same node again.
            return await FindAsync(connection, code, request, now, ct) is { } known
                ? Enrolled(known)
                : NodeProblems.JoinCodeRefused.With();
        }

        if (await InsertAsync(connection, fleet.Id, request, now, ct) is not { } node)
        {
            // Not committed: the code stays good for another try.
            return NodeProblems.NodeExists.With();
        }

        await NodeEvents.TellAsync(
            connection, node, EventTypes.NodeEnrolled, $"Node {request.Name} joined fleet {fleet.Name}.", now, ct);
        await transaction.CommitAsync(ct);
        return Enrolled(new EnrolResponse(node, fleet.Id, fleet.Name));
    }

    private static Created<EnrolResponse> Enrolled(EnrolResponse answer) =>
        TypedResults.Created($"/v1/nodes/{answer.Node}", answer);

    private static async Task<(Guid Id, string Name)?> UseAsync(
        NpgsqlConnection connection, byte[] code, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE join_codes SET used_at = $2 FROM fleets
            WHERE code_hash = $1 AND used_at IS NULL AND expires_at > $2 AND fleets.id = fleet_id
            RETURNING fleets.id, fleets.name
            """,
            connection)
        {
            Parameters = { new() { Value = code }, new() { Value = now } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? (reader.GetGuid(0), reader.GetString(1)) : null;
    }

    private static async Task<EnrolResponse?> FindAsync(
        NpgsqlConnection connection, byte[] code, EnrolRequest request, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT nodes.id, fleets.id, fleets.name
            FROM join_codes
            JOIN fleets ON fleets.id = join_codes.fleet_id
            JOIN nodes ON nodes.fleet_id = fleets.id AND nodes.joined_at = join_codes.used_at
            WHERE code_hash = $1 AND expires_at > $2 AND nodes.name = $3 AND signing_key = $4 AND sealing_key = $5
              AND banned_at IS NULL AND standing <> 'Retired'
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = code },
                new() { Value = now },
                new() { Value = request.Name },
                new() { Value = request.SigningKey },
                new() { Value = request.SealingKey },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new EnrolResponse(reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2))
            : null;
    }

    /// <summary>Null when the name is taken by a live node, or the signing key was ever seen, or the sealing key is a
    /// banned node's: what a thief holds must not come back under a new name.</summary>
    private static async Task<Guid?> InsertAsync(
        NpgsqlConnection connection, Guid fleet, EnrolRequest request, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO nodes (id, fleet_id, name, standing, http_endpoint, signing_key, signing_key_id, sealing_key,
                               sealing_key_id, agent_version, joined_at, last_seen_at)
            SELECT $1, $2, $3, 'Joining', $4, $5, $6, $7, $8, $9, $10, $10
            WHERE NOT EXISTS (
                SELECT 1 FROM nodes WHERE signing_key_id = $6 OR (sealing_key_id = $8 AND banned_at IS NOT NULL))
            ON CONFLICT (fleet_id, name) WHERE standing <> 'Retired' DO NOTHING
            RETURNING id
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = Guid.CreateVersion7(now) },
                new() { Value = fleet },
                new() { Value = request.Name },
                new() { Value = request.HttpEndpoint },
                new() { Value = request.SigningKey },
                new() { Value = NodeKeys.IdOf(request.SigningKey) },
                new() { Value = request.SealingKey },
                new() { Value = NodeKeys.IdOf(request.SealingKey) },
                new() { Value = request.AgentVersion },
                new() { Value = now },
            },
        };
        return await command.ExecuteScalarAsync(ct) as Guid?;
    }

    private static List<FieldProblem> Faults(EnrolRequest request)
    {
        List<FieldProblem> faults = [];
        Check(request.JoinCode is { Length: <= 100 }, "joinCode", "must be the code an admin made.");
        Check(request.Name is not null && IdOrName.IsName(request.Name), "name",
            "must be 1–63 of a–z, 0–9 and hyphen, not beginning with a hyphen, and not in the form of an id.");
        Check(IsP256(request.SigningKey), "signingKey", "must be a P-256 public key as SubjectPublicKeyInfo DER.");
        Check(IsP256(request.SealingKey), "sealingKey", "must be a P-256 public key as SubjectPublicKeyInfo DER.");
        Check(
            request.SigningKey is null || request.SealingKey is null
                || !request.SigningKey.SequenceEqual(request.SealingKey),
            "sealingKey", "must be another key than signingKey.");
        Check(IPEndPoint.TryParse(request.HttpEndpoint ?? "", out var endpoint) && endpoint.Port > 0, "httpEndpoint",
            "must be an IP address and a port, such as 192.0.2.7:80.");
        Check(request.AgentVersion is { Length: > 0 and <= 100 }, "agentVersion", "must have 1 to 100 characters.");
        return faults;

        void Check(bool holds, string field, string rule)
        {
            if (!holds)
            {
                faults.Add(new FieldProblem(field, "invalid", $"{field} {rule}"));
            }
        }
    }

    /// <summary>Exactly one key and nothing behind it, in the named-curve form: the key's id is the hash of these
    /// bytes.</summary>
    private static bool IsP256(byte[]? key)
    {
        if (key is not { Length: > 0 and <= 200 })
        {
            return false;
        }

        try
        {
            using var imported = ECDsa.Create();
            imported.ImportSubjectPublicKeyInfo(key, out _);
            return imported.ExportParameters(false).Curve is { IsNamed: true, Oid.Value: P256 }
                && imported.ExportSubjectPublicKeyInfo().SequenceEqual(key);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
