using Npgsql;

namespace ControlPlane.Database;

/// <summary>Statements with positional parameters.</summary>
internal static class SqlCommands
{
    /// <summary>A command whose <c>$1</c>, <c>$2</c> … are these values, in their order; one that may be null comes as
    /// a typed <see cref="NpgsqlParameter{T}"/>.</summary>
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
        }

        return command;
    }
}
