// Recovery unit: moves rows of vbuf as a list or map in mbuf says, and extrapolates those whose own
// cached rows take their place (docs/ru.md, models/ru.py).
//
// Commands ru_t; one mbuf read port (latency 2, always accepted), one vbuf read port of two
// consecutive units (data two cycles after acceptance), one vbuf write port of two units. Consecutive
// commands overlap; done_o pulses once per command, in order, the cycle after its last write was
// accepted. busy_o: a command is present. stall_o: a row is at hand and no read was accepted (denied,
// or the results wait for the write port).
//
// Parameters: none. Latency: from the acceptance of a command to done_o 27 cycles and one per read.
// Throughput: a read per cycle: two copied units, or one extrapolated. Errors: none, the scheduler
// has checked the fields.
module fvgm_ru
  import fvgm_isa_pkg::*;
  import fvgm_ru_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  ru_t  cmd_i,
  output logic done_o,
  output logic busy_o,
  output logic stall_o,

  output logic        mb_rd_valid_o,
  output logic [15:0] mb_rd_addr_o,
  input  logic [31:0] mb_rd_data_i,

  output logic              rd_valid_o,
  input  logic              rd_ready_i,
  output logic [19:0]       rd_addr_o,
  input  logic [1:0][127:0] rd_data_i,

  output logic              wr_valid_o,
  input  logic              wr_ready_i,
  output logic [1:0]        wr_mask_o,
  output logic [1:0][19:0]  wr_addr_o,
  output logic [1:0][127:0] wr_data_o
);

  // Commands of one row each fill every queue on the way.
  localparam int unsigned CommandBits = $clog2(RuRowDepth + RuOutDepth + 8);

  logic row_valid, row_pop, room, issue, push;
  ru_row_t row;
  ru_slot_t slot;
  ru_place_t place;
  logic [31:0] k;
  logic [1:0][127:0] data;
  logic [CommandBits-1:0] commands_q;

  fvgm_ru_rows u_rows (
    .clk_i,
    .rst_ni,
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i,
    .mb_rd_valid_o,
    .mb_rd_addr_o,
    .mb_rd_data_i,
    .row_valid_o(row_valid),
    .row_pop_i(row_pop),
    .row_o(row)
  );

  fvgm_ru_issue u_issue (
    .clk_i,
    .rst_ni,
    .row_valid_i(row_valid),
    .row_pop_o(row_pop),
    .row_i(row),
    .room_i(room),
    .rd_valid_o,
    .rd_ready_i,
    .rd_addr_o,
    .slot_o(slot),
    .k_o(k),
    .push_o(issue),
    .place_o(place),
    .stall_o
  );

  fvgm_ru_lanes u_lanes (
    .clk_i,
    .rst_ni,
    .slot_i(slot),
    .k_i(k),
    .rd_data_i,
    .push_o(push),
    .data_o(data)
  );

  fvgm_ru_write u_write (
    .clk_i,
    .rst_ni,
    .issue_i(issue),
    .place_i(place),
    .room_o(room),
    .push_i(push),
    .data_i(data),
    .wr_valid_o,
    .wr_ready_i,
    .wr_mask_o,
    .wr_addr_o,
    .wr_data_o,
    .done_o
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) commands_q <= '0;
    else begin
      commands_q <= commands_q + CommandBits'(cmd_valid_i && cmd_ready_o) - CommandBits'(done_o);
    end
  end

  assign busy_o = commands_q != '0;

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(WriteHeld, wr_valid_o && !wr_ready_i |=> wr_valid_o && $stable(wr_mask_o) &&
               $stable(wr_addr_o) && $stable(wr_data_o))
  `FVGM_ASSERT(CommandsCounted, cmd_valid_i && cmd_ready_o |-> commands_q != '1)

endmodule
