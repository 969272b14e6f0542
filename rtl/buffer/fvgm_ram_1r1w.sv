// Simple dual-port memory: one write and one read port on one clock, registered read.
//
// A read in the cycle of a write to the same word returns the old word. The contents start
// undefined.
//
// Parameters: Width in bits, Depth in words, RamStyle ("auto", "block", "ultra" or "distributed",
// handed to the synthesis tool).
// Latency: rd_data_o holds the word one cycle after rd_en_i, until the next rd_en_i.
// Throughput: one read and one write per cycle.
module fvgm_ram_1r1w #(
  parameter int unsigned Width    = 128,
  parameter int unsigned Depth    = 1024,
  parameter string       RamStyle = "auto",
  localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic                clk_i,

  input  logic                wr_en_i,
  input  logic [AddrBits-1:0] wr_addr_i,
  input  logic [Width-1:0]    wr_data_i,

  input  logic                rd_en_i,
  input  logic [AddrBits-1:0] rd_addr_i,
  output logic [Width-1:0]    rd_data_o
);

  if (RamStyle != "auto" && RamStyle != "block" && RamStyle != "ultra" && RamStyle != "distributed")
  begin : gen_illegal_style
    $error("fvgm_ram_1r1w: RamStyle must be auto, block, ultra or distributed");
  end

  (* ram_style = RamStyle *) logic [Width-1:0] mem[Depth];

  always_ff @(posedge clk_i) begin
    if (wr_en_i) mem[wr_addr_i] <= wr_data_i;
    if (rd_en_i) rd_data_o <= mem[rd_addr_i];
  end

endmodule
