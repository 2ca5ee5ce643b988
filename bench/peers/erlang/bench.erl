%% SPDX-License-Identifier: MIT
%%
%% The contender Erlang: processes and messages.
%%
%% A channel is a process's mailbox. It has no capacity, so for the row of the buffered channel the
%% consumer gives credit: one message back for each half of a capacity of items. A lock is a process
%% that is asked and told. Processes are preempted; what many do by turns is measured from when all
%% of them are warm until the last is done. Erlang tells processor time in milliseconds.
-module(bench).
-export([main/0]).

rows() ->
    [{"yield", fun yields/2},
     {"spawn_join", fun spawn_join/2},
     {"channel_buffered", fun channel_buffered/2},
     {"channel_handoff", fun channel_handoff/2},
     {"mutex_handoff", fun mutex_handoff/2},
     {"ring", fun ring/2},
     {"skynet", fun skynet/2},
     {"timers", fun timers/2},
     {"memory", fun memory/2},
     {"files", fun files/2},
     {"echo", fun(_, _) -> serve([binary, {packet, raw}], fun echo/1) end},
     {"http", fun(_, _) -> serve([binary, {packet, http_bin}], fun http/1) end}].

main() ->
    main(init:get_plain_arguments()).

main(["--rows"]) ->
    [io:put_chars([Name, $\n]) || {Name, _} <- rows()],
    halt(0);
main([Name]) ->
    main([Name, "0", "1"]);
main([Name, Size, Count]) ->
    case lists:keyfind(Name, 1, rows()) of
        {_, Run} -> run(Run, number(Size, 0), number(Count, 1));
        false -> fail("there is no row ~s", [Name])
    end;
main(_) ->
    fail("usage: bench --rows | ROW SIZE COUNT | SERVER", []).

%% The row's work is done by a process that has its mailbox for itself.
run(Run, Size, Count) ->
    {_, Monitor} = spawn_monitor(fun() -> Run(Size, Count) end),
    receive
        {'DOWN', Monitor, process, _, normal} -> halt(0);
        {'DOWN', Monitor, process, _, Why} -> fail("~0p", [Why])
    end.

fail(Format, Values) ->
    io:format(standard_error, Format ++ "~n", Values),
    halt(1).

number(Text, Least) ->
    case string:to_integer(Text) of
        {N, []} when N >= Least -> N;
        _ -> fail("~s is no number to use", [Text])
    end.

%% ---- clocks ----

%% Processor time of all threads of this process, and what the clock on the wall says; nanoseconds.
mark() ->
    {Milliseconds, _} = erlang:statistics(runtime),
    {Milliseconds * 1000000, erlang:monotonic_time(nanosecond)}.

report({Cpu0, Wall0}, {Cpu1, Wall1}, Count, Check) ->
    io:format("cpu_ns=~b wall_ns=~b count=~b check=~b~n",
              [Cpu1 - Cpu0, Wall1 - Wall0, Count, Check]).


%% How often each of Size processes does something: to warm up, and while the clock runs. The owner
%% hears when the last of them is warm, and when the last is done.
-record(share, {size, warm, each, warm_total, total, owner, entered, done}).

plan(Size, Count) ->
    Each = max(1, Count div Size),
    Warm = max(1, Each div 10),
    #share{size = Size, warm = Warm, each = Each, warm_total = Warm * Size, total = Each * Size,
           owner = self(), entered = atomics:new(1, []), done = atomics:new(1, [])}.

enter(#share{size = Size} = Share) ->
    case atomics:add_get(Share#share.entered, 1, 1) of
        Size -> Share#share.owner ! {warm, mark()};
        _ -> ok
    end.

leave(#share{total = Total} = Share, Times) ->
    case atomics:add_get(Share#share.done, 1, Times) of
        Total -> Share#share.owner ! {done, mark()};
        _ -> ok
    end.

%% All of them did it so many times: where they do not take turns, each time is counted.
tick(#share{warm_total = Warm, owner = Owner}, Warm) ->
    Owner ! {warm, mark()};
tick(#share{warm_total = Warm, total = Total, owner = Owner}, Times) when Times =:= Warm + Total ->
    Owner ! {done, mark()};
tick(_, _) ->
    ok.

report(#share{total = Total}, Check) ->
    receive {warm, Begin} -> ok end,
    receive {done, End} -> ok end,
    report(Begin, End, Total, Check()).

%% Spawns Size processes, none of which runs before all are there.
together(Size, Body) ->
    Normal = process_flag(priority, high),
    [spawn(fun() -> Body(I) end) || I <- lists:seq(0, Size - 1)],
    process_flag(priority, Normal).

%% ---- processes ----

-define(YIELDER(Name), Name(0) -> ok; Name(N) -> erlang:yield(), Name(N - 1)).
?YIELDER(yielder0).
?YIELDER(yielder1).
?YIELDER(yielder2).
?YIELDER(yielder3).
?YIELDER(yielder4).
?YIELDER(yielder5).
?YIELDER(yielder6).
?YIELDER(yielder7).

yielder(Share, Yield) ->
    Yield(Share#share.warm),
    enter(Share),
    Yield(Share#share.each),
    leave(Share, Share#share.each).

yields(Size, Count) ->
    Bodies = {fun yielder0/1, fun yielder1/1, fun yielder2/1, fun yielder3/1,
              fun yielder4/1, fun yielder5/1, fun yielder6/1, fun yielder7/1},
    Share = plan(Size, Count),
    together(Size, fun(I) -> yielder(Share, element(1 + I rem 8, Bodies)) end),
    report(Share, fun() -> atomics:get(Share#share.done, 1) end).

collect(0, Sum) -> Sum;
collect(N, Sum) -> receive {value, V} -> collect(N - 1, Sum + V) end.

%% A process is joined by its message.
batches(_, 0, Sum) ->
    Sum;
batches(Size, N, Sum) ->
    Parent = self(),
    [spawn(fun() -> Parent ! {value, I} end) || I <- lists:seq(0, Size - 1)],
    batches(Size, N - 1, collect(Size, Sum)).

spawn_join(Size, Count) ->
    N = (Count + Size - 1) div Size,
    batches(Size, N div 10 + 1, 0),
    Begin = mark(),
    Sum = batches(Size, N, 0),
    report(Begin, mark(), N * Size, Sum).

%% ---- channels ----

produce(_, _, Count, Count, _) ->
    ok;
produce(To, Credit, I, Count, 0) ->
    receive credit -> produce(To, Credit, I, Count, Credit) end;
produce(To, Credit, I, Count, Left) ->
    To ! I,
    produce(To, Credit, I + 1, Count, Left - 1).

consume(_, _, 0, _, Sum) ->
    Sum;
consume(From, Credit, Left, 0, Sum) ->
    From ! credit,
    consume(From, Credit, Left, Credit, Sum);
consume(From, Credit, Left, Until, Sum) ->
    receive Item -> consume(From, Credit, Left - 1, Until - 1, Sum + Item) end.

%% At most two credits of items are on their way: those not asked for yet, and those just granted.
transfer(Capacity, Count) ->
    Parent = self(),
    Credit = max(1, Capacity div 2),
    Consumer = spawn(fun() ->
        Producer = receive {producer, Pid} -> Pid end,
        Producer ! credit,
        Parent ! {value, consume(Producer, Credit, Count, 0, 0)}
    end),
    Consumer ! {producer, spawn(fun() -> produce(Consumer, Credit, 0, Count, 0) end)},
    collect(1, 0).

channel_buffered(Size, Count) ->
    transfer(Size, Count div 10 + 1),
    Begin = mark(),
    Sum = transfer(Size, Count),
    report(Begin, mark(), Count, Sum).

answer() ->
    receive {From, N} -> From ! N + 1, answer() end.

ping(_, N, Count, Last) when N >= Count -> Last;
ping(Other, N, Count, _) ->
    Other ! {self(), N},
    receive Last -> ping(Other, N + 2, Count, Last) end.

channel_handoff(_, Count) ->
    Messages = (Count + 1) div 2 * 2,
    Other = spawn(fun answer/0),
    ping(Other, 0, Messages div 10 + 2, 0),
    Begin = mark(),
    Last = ping(Other, 0, Messages, 0),
    report(Begin, mark(), Messages, Last).

%% ---- a lock ----

lock() ->
    receive {lock, Owner} -> Owner ! locked end,
    receive unlock -> lock() end.

locker(_, _, _, 0) ->
    ok;
locker(Share, Lock, Counter, N) ->
    Lock ! {lock, self()},
    receive locked -> ok end,
    erlang:yield(),
    Times = counters:get(Counter, 1) + 1,
    counters:put(Counter, 1, Times),
    tick(Share, Times),
    Lock ! unlock,
    locker(Share, Lock, Counter, N - 1).

mutex_handoff(Size, Count) ->
    Share = plan(Size, Count),
    Lock = spawn(fun lock/0),
    Counter = counters:new(1, []),
    Turns = Share#share.warm + Share#share.each,
    together(Size, fun(_) -> locker(Share, Lock, Counter, Turns) end),
    report(Share, fun() -> counters:get(Counter, 1) - Share#share.warm_total end).

%% ---- ring ----

member(_, _, 0, Token) ->
    Token;
member(Share, Next, N, _) ->
    receive
        Hops ->
            tick(Share, Hops + 1),
            Next ! Hops + 1,
            member(Share, Next, N - 1, Hops + 1)
    end.

%% The last member is the first to know its successor, so it says the last number.
ring(Size, Count) ->
    Share = plan(Size, Count),
    Parent = self(),
    Turns = Share#share.warm + Share#share.each,
    Last = spawn(fun() ->
        First = receive {first, Pid} -> Pid end,
        Parent ! {value, member(Share, First, Turns, 0)}
    end),
    Link = fun(_, Next) -> spawn(fun() -> member(Share, Next, Turns, 0) end) end,
    First = lists:foldl(Link, Last, lists:seq(2, Size)),
    Last ! {first, First},
    First ! 0,
    report(Share, fun() -> collect(1, 0) - Share#share.warm_total end).

%% ---- many ----

subtree(Parent, First, 1) ->
    Parent ! {value, First};
subtree(Parent, First, Size) ->
    Self = self(),
    Part = Size div 10,
    [spawn(fun() -> subtree(Self, First + I * Part, Part) end) || I <- lists:seq(0, 9)],
    Parent ! {value, collect(10, 0)}.

tasks(1) -> 1;
tasks(Leaves) when Leaves rem 10 =:= 0 -> Leaves + tasks(Leaves div 10);
tasks(_) -> fail("skynet wants a power of ten", []).

skynet(Size, _) ->
    Tasks = tasks(Size),
    Self = self(),
    Begin = mark(),
    spawn(fun() -> subtree(Self, 0, Size) end),
    Sum = collect(1, 0),
    report(Begin, mark(), Tasks, Sum).

sleeper(Ms) ->
    Start = erlang:monotonic_time(nanosecond),
    receive after Ms -> ok end,
    erlang:monotonic_time(nanosecond) - Start - Ms * 1000000.

timers(Size, _) ->
    Parent = self(),
    Late = atomics:new(Size, []),
    Asked = fun(I) -> 1 + I * 7919 rem 1000 end,
    Sleep = fun(I) -> atomics:put(Late, I + 1, sleeper(Asked(I))), Parent ! {value, Asked(I)} end,
    Begin = mark(),
    [spawn(fun() -> Sleep(I) end) || I <- lists:seq(0, Size - 1)],
    Sum = collect(Size, 0),
    End = mark(),
    Sorted = list_to_tuple(lists:sort([atomics:get(Late, I) || I <- lists:seq(1, Size)])),
    io:format("late_p50_ns=~b late_p99_ns=~b ",
              [element(1 + Size div 2, Sorted), element(Size - Size div 100, Sorted)]),
    report(Begin, End, Size, Sum).

%% Bytes of memory that this process has, and of its page tables.
memory_used() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, Kib} = re:run(Status, "^Vm(?:RSS|PTE):\\s+(\\d+) kB", [multiline, global,
                                                                     {capture, [1], list}]),
    1024 * lists:sum([list_to_integer(N) || [N] <- Kib]).

memory(Size, _) ->
    Parent = self(),
    Before = memory_used(),
    [spawn(fun() -> Parent ! {value, 1}, receive never -> ok end end) || _ <- lists:seq(1, Size)],
    Parked = collect(Size, 0),
    io:format("bytes=~b check=~b~n", [(memory_used() - Before) div Size, Parked]).

read(Path) ->
    {ok, File} = file:open(Path, [read, raw, binary]),
    {ok, <<Value:64/little, _:4088/binary>>} = file:read(File, 4096),
    ok = file:close(File),
    Value.

files(Size, _) ->
    Folder = case os:getenv("PEERS_FILES") of
        false -> fail("PEERS_FILES does not name the folder with the files", []);
        Name -> Name
    end,
    Parent = self(),
    Path = fun(I) -> Folder ++ "/" ++ integer_to_list(I rem 100) end,
    Begin = mark(),
    [spawn(fun() -> Parent ! {value, read(Path(I))} end) || I <- lists:seq(0, Size - 1)],
    Sum = collect(Size, 0) band 16#ffffffffffffffff,
    report(Begin, mark(), Size, Sum).

%% ---- servers ----

%% A process a connection. The socket sends its process up to a hundred messages of what came, then
%% it must be asked for more: quicker than to ask for each ({active, once}), and still bounded.
-define(MORE, {active, 100}).

serve(Options, Connection) ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}, {active, false}, {nodelay, true},
                                        {backlog, 4096}, {buffer, 4096} | Options]),
    {ok, Port} = inet:port(Listener),
    io:format("port=~b~n", [Port]),
    accept(Listener, Connection).

accept(Listener, Connection) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() ->
        receive yours -> inet:setopts(Socket, [?MORE]) end,
        Connection(Socket)
    end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! yours,
    accept(Listener, Connection).

echo(Socket) ->
    receive
        {tcp, Socket, Data} -> gen_tcp:send(Socket, Data), echo(Socket);
        {tcp_passive, Socket} -> inet:setopts(Socket, [?MORE]), echo(Socket);
        _ -> gen_tcp:close(Socket)
    end.

%% The socket itself splits requests: {packet, http_bin}.
http(Socket) ->
    receive
        {http, Socket, {http_request, 'GET', {abs_path, <<"/">>}, _}} ->
            http(Socket, <<"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 13\r\n\r\nHello, World!">>);
        {http, Socket, {http_request, _, _, _}} ->
            http(Socket, <<"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n">>);
        {tcp_passive, Socket} -> inet:setopts(Socket, [?MORE]), http(Socket);
        _ -> gen_tcp:close(Socket)
    end.

http(Socket, Answer) ->
    receive
        {http, Socket, http_eoh} -> gen_tcp:send(Socket, Answer), http(Socket);
        {http, Socket, _} -> http(Socket, Answer);
        {tcp_passive, Socket} -> inet:setopts(Socket, [?MORE]), http(Socket, Answer);
        _ -> gen_tcp:close(Socket)
    end.
