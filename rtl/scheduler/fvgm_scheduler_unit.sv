// Queue of one unit: holds its instructions, starts the head when its waits hold, bounds it by its
// count register, remembers what is under way, and hands completions on in order.
//
// At most QueueDepth instructions wait (the head included). The head's waits are tested one per cycle
// against semaphore sem_id_o, whose value comes back on sem_value_i in the same cycle; a wait that
// held once is not tested again (semaphores only count up). cmd_valid_o rises when all hold and stays
// until cmd_ready_i; while halt_i no further head starts. done_i: the oldest instruction under way has
// completed; retire_* hands its semaphore on.
//
// A head with count != 0 reads count_id_o after its waits: more rows than its own are an error
// (range_error_o, level; the head stays), none skip it, else they take the place of its own. A skipped
// head leaves when nothing is under way, as if it started then (start_o) and completed in the next
// cycle (completed_o); the unit does not see it.
//
// Latency: push to cmd_valid_o 3 cycles, plus one per wait beyond the first; with a count one more
// without waits, two more with them. Throughput: a command without waits and count every second
// cycle. At most InFlight instructions are under way.
`include "fvgm_assert.svh"

module fvgm_scheduler_unit #(
    parameter fvgm_isa_pkg::unit_e Unit       = fvgm_isa_pkg::UnitLoad,
    parameter int unsigned         QueueDepth = 4,
    parameter int unsigned         InFlight   = 8,  // power of two
    localparam int unsigned        PayloadW   = fvgm_scheduler_pkg::payload_width(Unit)
) (
    input  logic                                     clk_i,
    input  logic                                     rst_ni,
    input  logic                                     halt_i,
    // from dispatch
    input  logic                                     push_valid_i,
    output logic                                     push_ready_o,
    input  fvgm_scheduler_pkg::entry_t               push_entry_i,
    input  logic [PayloadW-1:0]                      push_payload_i,
    // semaphore read port
    output logic [fvgm_scheduler_pkg::SemIdW-1:0]    sem_id_o,
    input  logic [fvgm_scheduler_pkg::SemW-1:0]      sem_value_i,
    // count register read port
    output logic [fvgm_scheduler_pkg::CountIdW-1:0]  count_id_o,
    input  logic [fvgm_scheduler_pkg::RowCountW-1:0] count_value_i,
    // command to the unit
    output logic                                     cmd_valid_o,
    input  logic                                     cmd_ready_i,
    output logic [fvgm_isa_pkg::PayloadBits-1:0]     cmd_o,
    input  logic                                     done_i,
    // what starts and completes, skipped instructions included
    output logic                                     start_o,
    output logic [15:0]                              start_tag_o,
    output logic                                     completed_o,
    output logic [15:0]                              done_tag_o,
    // completion
    output logic                                     retire_valid_o,
    input  logic                                     retire_ready_i,
    output logic [fvgm_scheduler_pkg::SemIdW-1:0]    retire_sem_o,
    // state
    output logic                                     waiting_o,      // instructions wait
    output logic                                     stalled_o,      // the head awaits a semaphore
    output logic                                     working_o,      // instructions are under way
    output logic                                     idle_o,         // nothing waits or works
    output logic                                     range_error_o,  // its count exceeds its rows
    output logic [31:0]                              head_index_o,
    output logic [31:0]                              oldest_index_o  // oldest under way
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned CountW = $clog2(QueueDepth + 1);
  localparam int unsigned PtrW = (QueueDepth > 1) ? $clog2(QueueDepth) : 1;
  localparam int unsigned FlightW = $clog2(InFlight);
  localparam int unsigned FlightBits = 32 + 16 + SemIdW;
  localparam bit Bounded = Unit != UnitSu;  // the SU writes counts, none bounds it

  if (QueueDepth < 2) begin : g_depth
    $error("fvgm_scheduler_unit: QueueDepth must be at least 2");
  end
  if (InFlight < 2 || (InFlight & (InFlight - 1)) != 0) begin : g_in_flight
    $error("fvgm_scheduler_unit: InFlight must be a power of two, at least 2");
  end

  // queue behind the head register
  logic [$bits(entry_t)+PayloadW-1:0] queue_q[QueueDepth];
  logic [PtrW-1:0] write_q, read_q;
  logic [CountW-1:0] count_q, queued_q;  // head included, head excluded
  logic push, load, issue, leave;

  entry_t head_q, next_entry;
  logic [PayloadW-1:0] payload_q, next_payload;
  logic head_valid_q, issue_q;
  logic [NumWaits-1:0] open_q, open_d;  // waits of the head that have not held yet
  logic [NumWaits-1:0] next_open;
  logic [SemW-1:0] wait_val, distance;

  // bound of the head, one cycle after its waits hold
  logic counted, bound_valid_q, over_q, zero_q, go, skip, skipped_q, completed;
  logic [RowCountW-1:0] bound_q;

  // instructions under way: written at issue, completed at done, retired when their signal is given
  logic [FlightBits-1:0] flight_q[InFlight];
  logic [FlightW:0] issued_q, done_q, retired_q;
  logic flight_full;
  logic [FlightBits-1:0] oldest, retiring;

  function automatic logic [PtrW-1:0] step(logic [PtrW-1:0] pointer);
    return (pointer == PtrW'(QueueDepth - 1)) ? '0 : pointer + 1'b1;
  endfunction

  assign push_ready_o = count_q != CountW'(QueueDepth);
  assign push = push_valid_i && push_ready_o;
  assign issue = cmd_valid_o && cmd_ready_i;
  assign leave = issue || skip;
  assign load = queued_q != '0 && (!head_valid_q || leave);
  assign {next_entry, next_payload} = queue_q[read_q];

  always_comb begin
    for (int unsigned w = 0; w < NumWaits; w++) next_open[w] = next_entry.wait_sem[w] != '0;
  end

  // The lowest open wait is under test.
  always_comb begin
    sem_id_o = head_q.wait_sem[NumWaits-1];
    wait_val = head_q.wait_val[NumWaits-1];
    for (int w = NumWaits - 2; w >= 0; w--) begin
      if (open_q[w]) begin
        sem_id_o = head_q.wait_sem[w];
        wait_val = head_q.wait_val[w];
      end
    end
    distance = sem_value_i - wait_val;
    open_d = open_q;
    if (!distance[SemW-1]) open_d = open_q & (open_q - 1'b1);
  end

  assign counted = Bounded && head_q.count != '0;
  assign go = head_valid_q && !flight_full && !halt_i &&
              (counted ? bound_valid_q && !over_q && !zero_q : open_d == '0);
  assign skip = bound_valid_q && zero_q && !flight_full && !halt_i && !working_o;
  assign completed = done_i || skipped_q;

  assign flight_full = FlightW'(issued_q) == FlightW'(retired_q) && issued_q != retired_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      queued_q <= '0;
      write_q <= '0;
      read_q <= '0;
      head_valid_q <= 1'b0;
      issue_q <= 1'b0;
      bound_valid_q <= 1'b0;
      skipped_q <= 1'b0;
      open_q <= '0;
      issued_q <= '0;
      done_q <= '0;
      retired_q <= '0;
    end else begin
      count_q <= count_q + CountW'(push) - CountW'(leave);
      queued_q <= queued_q + CountW'(push) - CountW'(load);
      if (push) write_q <= step(write_q);
      if (load) read_q <= step(read_q);
      if (load) head_valid_q <= 1'b1;
      else if (leave) head_valid_q <= 1'b0;
      if (load) open_q <= next_open;
      else if (head_valid_q) open_q <= open_d;
      if (issue) issue_q <= 1'b0;
      else if (go) issue_q <= 1'b1;
      if (leave) bound_valid_q <= 1'b0;
      else if (head_valid_q && counted && open_q == '0) bound_valid_q <= 1'b1;
      skipped_q <= skip;
      if (leave) issued_q <= issued_q + 1'b1;
      if (completed) done_q <= done_q + 1'b1;
      if (retire_valid_o && retire_ready_i) retired_q <= retired_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) queue_q[write_q] <= {push_entry_i, push_payload_i};
    if (load) begin
      head_q <= next_entry;
      payload_q <= next_payload;
    end else if (go && counted) begin
      payload_q <= PayloadW'(with_rows(Unit, PayloadBits'(payload_q), 16'(bound_q)));
    end
    if (!bound_valid_q) begin
      bound_q <= count_value_i;
      over_q <= 16'(count_value_i) > rows_of(Unit, PayloadBits'(payload_q));
      zero_q <= count_value_i == '0;
    end
    if (leave) flight_q[issued_q[FlightW-1:0]] <= {head_q.index, head_q.tag, head_q.signal};
  end

  assign oldest = flight_q[done_q[FlightW-1:0]];
  assign retiring = flight_q[retired_q[FlightW-1:0]];

  assign cmd_valid_o = issue_q;
  assign cmd_o = PayloadBits'(payload_q);
  assign count_id_o = head_q.count;
  assign start_o = leave;
  assign start_tag_o = head_q.tag;
  assign completed_o = completed;
  assign done_tag_o = oldest[SemIdW+:16];
  assign oldest_index_o = oldest[SemIdW+16+:32];
  assign retire_valid_o = retired_q != done_q;
  assign retire_sem_o = retiring[SemIdW-1:0];
  assign waiting_o = count_q != '0;
  assign stalled_o = head_valid_q && open_q != '0;
  assign working_o = issued_q != done_q;
  assign idle_o = !waiting_o && issued_q == retired_q;
  assign range_error_o = bound_valid_q && over_q;
  assign head_index_o = head_q.index;

  logic unused_bits;
  assign unused_bits = ^{retiring[FlightBits-1:SemIdW], oldest[SemIdW-1:0]};

  `FVGM_ASSERT(CommandHeld, cmd_valid_o && !cmd_ready_i |=> cmd_valid_o && $stable(cmd_o))
  `FVGM_ASSERT(DoneNeedsCommand, done_i |-> working_o && !skipped_q)
  `FVGM_ASSERT(BoundIsInCommand, cmd_valid_o && counted |-> bound_valid_q && bound_q != '0 &&
               rows_of(Unit, cmd_o) == 16'(bound_q))
  `FVGM_ASSERT(SkipUnseen, skip |-> !cmd_valid_o && !over_q && issued_q == done_q)
  `FVGM_ASSERT(RangeErrorHeld, range_error_o |=> range_error_o && !cmd_valid_o)
  `FVGM_ASSERT(NeverUnbounded, !Bounded |-> !head_valid_q || head_q.count == '0)
  `FVGM_ASSERT(NeverOverfull, count_q <= CountW'(QueueDepth))

endmodule
