// The count registers of all contexts, 15 each, numbers of rows that the SU finds: one read port per
// unit, one write port.
//
// clear_valid_i zeroes those of context clear_context_i; the context has nothing under way then. A write
// with id 0 writes nothing. A read answers in the same cycle and sees a write in the next one. No errors.
`include "fvgm_assert.svh"

module fvgm_scheduler_counts #(
    parameter int unsigned Contexts = 2,
    parameter int unsigned Ports    = fvgm_isa_pkg::NumUnits,
    localparam int unsigned ContextW = (Contexts > 1) ? $clog2(Contexts) : 1
) (
    input  logic                                                clk_i,
    input  logic                                                rst_ni,
    input  logic                                                clear_valid_i,
    input  logic [ContextW-1:0]                                 clear_context_i,
    input  logic                                                write_valid_i,
    input  logic [ContextW-1:0]                                 write_context_i,
    input  logic [fvgm_scheduler_pkg::CountIdW-1:0]             write_id_i,
    input  logic [fvgm_scheduler_pkg::RowCountW-1:0]            write_value_i,
    input  logic [Ports-1:0][ContextW-1:0]                      read_context_i,
    input  logic [Ports-1:0][fvgm_scheduler_pkg::CountIdW-1:0]  read_id_i,
    output logic [Ports-1:0][fvgm_scheduler_pkg::RowCountW-1:0] read_value_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  // A register that was not written since its context was cleared is 0, whatever the memory holds.
  logic [RowCountW-1:0] rows_q[Contexts*NumCounts];
  logic [Contexts-1:0][NumCounts-1:0] written_q;
  logic write;

  function automatic logic [ContextW+CountIdW-1:0] address(logic [ContextW-1:0] ctx,
                                                           logic [CountIdW-1:0] id);
    return (ContextW + CountIdW)'({ctx, id});
  endfunction

  assign write = write_valid_i && write_id_i != '0;

  always_comb begin
    for (int unsigned p = 0; p < Ports; p++) begin
      read_value_o[p] = written_q[read_context_i[p]][read_id_i[p]]
          ? rows_q[address(read_context_i[p], read_id_i[p])] : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      written_q <= '0;
    end else begin
      if (write) written_q[write_context_i][write_id_i] <= 1'b1;
      if (clear_valid_i) written_q[clear_context_i] <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) rows_q[address(write_context_i, write_id_i)] <= write_value_i;
  end

  `FVGM_ASSERT(AtMostATile, write_valid_i |-> write_value_i <= RowCountW'(MaxListRows))
  `FVGM_ASSERT(ClearWhenIdle,
               !(clear_valid_i && write_valid_i && clear_context_i == write_context_i))

endmodule
