using Npgsql;

namespace ControlPlane.Database;

/// <summary>How to reach the database as the owner of its tables: for migrations, and for nothing else. Holds a
/// password, and prints none.</summary>
internal sealed class OwnerConnection(string connection)
{
    /// <summary>The setting: <c>ConnectionStrings__Migrations</c>.</summary>
    public const string Name = "Migrations";

    /// <summary>No pool: it is used once. A migration may rewrite a large table, so that only a dead connection ends
    /// it.</summary>
    public NpgsqlDataSource Open() => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connection) { Pooling = false, CommandTimeout = 0, KeepAlive = 30 });

    public override string ToString() => "(the owner's connection)";
}
