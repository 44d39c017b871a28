using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Database;

/// <summary>Statements with positional parameters.</summary>
internal static class SqlCommands
{
    /// <summary>A command whose <c>$1</c>, <c>$2</c> … are these values, in their order; one that may be null comes as
    /// a typed <see cref="NpgsqlParameter{T}"/>.</summary>
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        Fill(command.Parameters, values);
        return command;
    }

    /// <summary>The same as one of several that go out together.</summary>
    public static NpgsqlBatchCommand BatchCommand(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        Fill(command.Parameters, values);
        return command;
    }

    /// <summary>An array of texts, any of which may be null.</summary>
    public static NpgsqlParameter Texts(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static void Fill(NpgsqlParameterCollection parameters, object[] values)
    {
        foreach (var value in values)
        {
            parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
        }
    }
}
