// Books of the outstanding bursts of one AXI channel: a slot (= AXI ID) for each, commands
// completed in order, the first failing burst.
//
// The user issues a burst into `slot_o` (issue_i only while issue_ready_o), and retires it by its
// slot when its last beat or response is dealt with; retired slots can be used again in the next
// cycle. done_o pulses when every burst of the oldest open command has been retired. fail_i names a
// slot that is still outstanding whose transfer failed: from then on error_o holds, error_addr_o is
// the address of that burst, and done_o stays low. reject_i does the same for what is not to be
// issued; a slot that fails in the same cycle is older and wins.
//
// Parameters: Slots, at least 2. Up to 2*Slots - 1 commands are open at a time.
// Latency: done_o one cycle after the last retirement. Throughput: one burst issued and one retired
// per cycle.
module fvgm_dma_track
  import fvgm_dma_pkg::*;
#(
  parameter int unsigned Slots = 4,
  localparam int unsigned IdBits = $clog2(Slots)
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  output logic               issue_ready_o,
  output logic [IdBits-1:0]  slot_o,
  input  logic               issue_i,
  input  logic               issue_last_i,
  input  logic [HbmBits-1:0] issue_addr_i,

  input  logic               retire_i,
  input  logic [IdBits-1:0]  retire_slot_i,

  input  logic               fail_i,
  input  logic [IdBits-1:0]  fail_slot_i,

  input  logic               reject_i,
  input  logic [HbmBits-1:0] reject_addr_i,

  output logic               done_o,
  output logic               error_o,
  output logic [HbmBits-1:0] error_addr_o,
  output logic               open_cmds_o,
  output logic               busy_o
);

  localparam int unsigned CmdBits = IdBits + 1;

  if (Slots < 2) begin : gen_illegal_slots
    $error("fvgm_dma_track: Slots must be at least 2");
  end

  logic [Slots-1:0] busy_d, busy_q;
  logic [CmdBits-1:0] cmd_q[Slots];
  logic [HbmBits-1:0] addr_q[Slots];
  // Commands count modulo 2*Slots: oldest_q is the one to complete next, issuing_q the one being
  // issued.
  logic [CmdBits-1:0] oldest_q, issuing_q;
  logic waits, complete, error_q;
  logic [HbmBits-1:0] error_addr_q;

  assign issue_ready_o = busy_q != '1 && CmdBits'(issuing_q + 1'b1) != oldest_q;

  always_comb begin
    slot_o = '0;
    for (int unsigned s = 0; s < Slots; s++) begin
      if (!busy_q[Slots-1-s]) slot_o = IdBits'(Slots - 1 - s);
    end
  end

  always_comb begin
    busy_d = busy_q;
    if (retire_i) busy_d[retire_slot_i] = 1'b0;
    if (issue_i) busy_d[slot_o] = 1'b1;
  end

  always_comb begin
    waits = 1'b0;
    if (oldest_q != issuing_q) begin
      for (int unsigned s = 0; s < Slots; s++) begin
        if (busy_q[s] && cmd_q[s] == oldest_q) waits = 1'b1;
      end
    end
  end

  assign complete = oldest_q != issuing_q && !waits;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= '0;
      oldest_q <= '0;
      issuing_q <= '0;
      error_q <= 1'b0;
    end else begin
      busy_q <= busy_d;
      if (complete) oldest_q <= oldest_q + 1'b1;
      if (issue_i && issue_last_i) issuing_q <= issuing_q + 1'b1;
      if (fail_i || reject_i) error_q <= 1'b1;
    end
    if (issue_i) begin
      cmd_q[slot_o] <= issuing_q;
      addr_q[slot_o] <= issue_addr_i;
    end
    if (!error_q) error_addr_q <= fail_i ? addr_q[fail_slot_i] : reject_addr_i;
  end

  assign done_o = complete && !error_q;
  assign error_o = error_q;
  assign error_addr_o = error_addr_q;
  assign open_cmds_o = oldest_q != issuing_q;
  assign busy_o = |busy_q;

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(IssueWhenReady, issue_i |-> issue_ready_o)
  `FVGM_ASSERT(RetireOutstanding, retire_i |-> busy_q[retire_slot_i])
  `FVGM_ASSERT(FailOutstanding, fail_i |-> busy_q[fail_slot_i])

endmodule
